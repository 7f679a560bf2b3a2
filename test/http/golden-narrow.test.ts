/** The golden cases once more, by kernels for narrow SIMD. */
process.env['WIDE_SIMD'] = 'off'
await import('./golden.test.ts')
