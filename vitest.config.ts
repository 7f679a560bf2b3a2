import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/client/**', 'node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // The project runs as Node runs it, without a transform: one copy of each module, also for workers and routes.
    server: { deps: { external: [/\/(engine|src|routes|examples|bench)\//] } },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
