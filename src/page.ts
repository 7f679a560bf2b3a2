/** The frame of the service's few HTML pages. */

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c2530; background: #fff }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em }
pre { background: #f2f5f8; padding: 0.8rem 1rem; overflow-x: auto; border-radius: 4px }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid #dde3ea; vertical-align: top }
@media (prefers-color-scheme: dark) { body { color: #dde5ee; background: #12171d } pre { background: #1d252e } td, th { border-color: #2c3743 } a { color: #8ab8ff } }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body}
</body>
</html>
`
}
