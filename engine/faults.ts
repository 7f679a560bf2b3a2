/** Errors that only show when a program runs. */
import { SpecError, invariant } from './errors.ts'
import type { Graph } from './ir/value.ts'
import type { RunFault } from './runtime.ts'

/** The error of an index that was out of range, at the line that uses it: nothing else stops a program that watches no number. */
export function indexError(fault: RunFault | undefined, graph: Graph): SpecError {
  invariant(fault, 'a program that stops early has a fault')
  const site = graph.indexSites[fault.site]
  invariant(site, () => `index check ${fault.site} is one of the graph's ${graph.indexSites.length}`)
  const low = site.wraps ? -site.size : 0
  const whole = Number.isInteger(fault.value) ? '' : ' is not a whole number;'
  return new SpecError('index_out_of_range', `${site.what} ${fault.value}${whole === '' ? ' is out of range:' : whole} whole numbers from ${low} to ${site.size - 1} expected`, site.place)
}
