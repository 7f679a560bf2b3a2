/** Names that a JSON text gives twice, of which JSON.parse keeps the last. */

/** The first name that stands twice in one object of a valid JSON text. */
export function repeatedKey(text: string): string | undefined {
  const objects: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    const mark = text[at]
    if (mark === '{') objects.push(new Set())
    else if (mark === '}') objects.pop()
    else if (mark === '"') {
      const end = endOfString(text, at)
      const string = text.slice(at, end)
      at = end - 1
      if (!isName(text, end)) continue
      const name = JSON.parse(string) as string
      const names = objects.at(-1)!
      if (names.has(name)) return name
      names.add(name)
    }
  }
  return undefined
}

/** The place after the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** Whether the string that ends at `end` is a name: a colon follows. */
function isName(text: string, end: number): boolean {
  let at = end
  while (/\s/.test(text[at] ?? '')) at++
  return text[at] === ':'
}
