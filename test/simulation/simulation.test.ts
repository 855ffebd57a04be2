import t from 'tap'
import { usualFaults } from './faults.ts'
import { simulate, type SimulationOptions } from './run.ts'

/** A fault that is added changes what seeds do: the oldest of them know no more than these. */
const firstFaults = usualFaults.filter(kind => kind !== 'unanswered')

/** Seeds that failed once, with what was then broken and done; what they found was mended. */
const onceFailing: SimulationOptions[] = [
  { seed: 360, steps: 100, clients: 2, faults: firstFaults },
  { seed: 401, steps: 100, clients: 2, faults: firstFaults },
  { seed: 20274, steps: 60, clients: 3, faults: firstFaults },
  { seed: 90051, steps: 400, clients: 3, faults: firstFaults },
  { seed: 1_000_457, steps: 30, clients: 3 },
]

/** Fresh ones, as many as the environment asks for; `npm run simulate` runs more of them. */
const fresh = Array.from({ length: Number(process.env['FRESH_SEEDS'] ?? 0) }, () => ({
  seed: 1 + Math.floor(Math.random() * 1_000_000), steps: 80, clients: 2,
}))

t.test('a cluster that nobody hurts does what it is told', async t => {
  const { steps, events } = await simulate({ seed: 1, steps: 150, faults: [] })
  t.equal(steps, 300)
  t.comment(`${String(events)} events`)
})

const always = [1, 2, 3, 4, 5, 6].map(seed => ({ seed, steps: 80, clients: 2 }))

/**
 * The first found an fsync that was silent about a loss, the second replicas that differed for ever when their writer had
 * died. In the third the power goes while an fsync waits. The fourth found bytes written to the chunk of a new file after
 * it had been taken back, since the answer that the file was made had not arrived; the fifth a chunk that read as zeros after
 * it had moved away from its first server, the sixth one that a client went on taking for a hole when it had written to it.
 * In the seventh nothing is left of a new chunk. The last found a chunk that all its servers had lost taken for one that was
 * never written.
 */
const overlapping: SimulationOptions[] = [
  { seed: 2, steps: 80, clients: 2, overlapping: true, faults: ['power'] },
  ...[2, 920_040].map(seed => ({ seed, steps: 60, clients: 2, overlapping: true, faults: firstFaults })),
  ...[1_000_261, 1_000_263, 1_000_506, 1_000_503, 100, 101, 102, 103].map(seed => ({ seed, steps: 60, clients: 2, overlapping: true })),
  { seed: 1_000_865, steps: 60, clients: 4, overlapping: true },
  {
    seed: 83_122, steps: 50, clients: 2, overlapping: true,
    faults: ['far', 'kill', 'power', 'cut', 'unanswered', 'reset', 'isolate', 'client', 'lag'],
  },
]

let powerCuts = 0
for (const run of overlapping) {
  t.test(`nothing synced is lost, nor any name, when several are hurt at once (seed ${String(run.seed)})`, async t => {
    const { faults } = await simulate(run)
    t.ok(faults.length > 0, 'a run without a fault proves nothing')
    powerCuts += faults.filter(fault => fault.includes('power server')).length
    t.comment(`${String(faults.length)} faults`)
  })
}

t.test('chunkservers did lose power in these runs', async t => {
  t.ok(powerCuts >= overlapping.length, 'runs without power cuts prove nothing')
})

for (const run of [...always, ...onceFailing, ...fresh]) {
  t.test(`nothing acknowledged is lost and all replicas end alike, whatever is broken (seed ${String(run.seed)})`, async t => {
    const { faults, virtualMs, events } = await simulate(run)
    t.ok(faults.length > 0, 'a run without a fault proves nothing')
    t.comment(`${String(events)} events, ${(virtualMs / 1_000).toFixed(0)} virtual seconds, ${String(faults.length)} faults`)
  })
}

t.test('what is asked again, since its answer was lost, is done once (seed 2)', async t => {
  const { faults } = await simulate({ seed: 2, steps: 60, faults: ['unanswered'] })
  t.ok(faults.some(fault => fault.includes('unanswered') && fault.includes('master')), 'the master was among those not heard')
})

for (const seed of [11, 14]) {
  t.test(`bits that turn on the disks are found, and never read (seed ${String(seed)})`, async t => {
    const { faults } = await simulate({ seed, steps: 150, faults: ['rot', 'rot', 'kill', 'power', 'cut'] })
    t.ok(faults.filter(fault => /rot .* is over/.test(fault)).length > 0, 'some did turn, and were found')
  })
}

t.test('nothing is left behind the ends of files by who died while writing to them (seed 1)', async t => {
  const { faults } = await simulate({ seed: 1, steps: 60, faults: ['far', 'far', 'far', 'kill', 'power', 'cut'] })
  t.ok(faults.some(fault => fault.includes('far') && fault.endsWith('is over')), 'some did die')
})

t.test('what is removed comes back from the trash as it was, whatever is broken', async t => {
  const { restored, faults } = await simulate({ seed: 710_000, steps: 80, trashMs: 8_000 })
  t.ok(restored > 0, 'a run in which nothing came back proves nothing')
  t.ok(faults.length > 0)
})

t.test('the same seed gives the same run', async t => {
  const options = { seed: 7, steps: 30, faults: usualFaults }
  t.strictSame(await simulate(options), await simulate(options))
})
