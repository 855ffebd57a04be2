import t from 'tap'
import { z } from 'zod'
import { Cluster, dropCaches, eventually, mounting, must, run, shell } from './harness.ts'

const list = z.object({ servers: z.array(z.object({
  server: z.number(), address: z.string(), replicas: z.number(), draining: z.boolean(), empty: z.boolean(),
})) })
const info = z.object({ chunks: z.array(z.object({ replicas: z.array(z.object({ server: z.number(), state: z.string() })) })) })

t.test('a chunkserver is drained, stopped and forgotten while files are written', mounting, async t => {
  const cluster = await Cluster.up({ chunkservers: 4, options: [
    '--chunk-size', '256KiB', ...['--repair-rate=0', '--heartbeat-ms=300', '--lease-ms=3000'].map(option => `--master-option=${option}`),
  ] })
  t.teardown(() => cluster.down())
  const { mount } = cluster
  const master = cluster.master()
  const dfs = (...args: string[]): Promise<string> => must('bin/dfs', [...args, '--master', master])
  const servers = async () => list.parse(JSON.parse(await dfs('chunkserver', 'ls', '--json'))).servers

  await shell(`cd ${mount} && for n in $(seq 8); do head -c 700000 /dev/urandom > before-$n; done; sync; md5sum before-* > /tmp/$$.sums
    mv /tmp/$$.sums sums`)
  const victim = cluster.process('chunkserver-2')
  const holding = (await servers()).find(({ address }) => address === victim.address)
  t.ok((holding?.replicas ?? 0) > 0, 'it has something to lose')
  const refused = await run('bin/dfs', ['chunkserver', 'forget', victim.address, '--force', '--master', master])
  t.match(refused, { code: 1, stderr: /connected/ })

  const writing = shell(`cd ${mount} && for n in $(seq 20); do head -c 300000 /dev/zero > during-$n; sync during-$n; done`)
  t.match(await dfs('chunkserver', 'drain', '--wait', victim.address), /safe to stop/)
  await writing
  const told = (await servers()).find(({ address }) => address === victim.address)
  t.match(told, { replicas: 0, draining: true, empty: true })
  await eventually('its files are gone', async () =>
    (await shell(`find ${victim.data}/chunks -name '*.replica' | wc -l`)).trim() === '0' ? true : undefined)

  await cluster.kill('chunkserver-2', 'SIGTERM')
  t.match(await dfs('chunkserver', 'forget', victim.address), /forgotten/)
  t.equal((await servers()).length, 3)
  await dropCaches()
  await shell(`cd ${mount} && md5sum --quiet -c sums`)
  for (const name of ['before-1', 'during-20']) {
    const { chunks } = info.parse(JSON.parse(await must('bin/dfs', ['info', '--json', `${mount}/${name}`])))
    for (const { replicas } of chunks) t.strictSame(replicas.map(({ state }) => state), ['good', 'good', 'good'], name)
  }
  const again = await run('bin/dfs', ['chunkserver', 'drain', String((await servers())[0]?.server), '--master', master])
  t.match(again, { code: 1, stderr: /add chunkservers/ }, 'three servers are needed')
})
