import t from 'tap'
import { z } from 'zod'
import { Cluster, dropCaches, mounting, must, run, shell } from './harness.ts'

const balance = z.object({
  state: z.string(), movedChunks: z.number(), movedBytes: z.number(), leftBytes: z.number(), mean: z.number(),
  servers: z.array(z.object({ address: z.string(), totalBytes: z.number(), share: z.number(), takesPart: z.boolean() })),
})

t.test('an empty chunkserver that joins a filled cluster gets its share, and nothing is lost', mounting, async t => {
  const options = [
    '--chunk-size', '256KiB', '--replicas', '2', '--chunkserver-option=--capacity=24MiB',
    ...['--heartbeat-ms=300', '--lease-ms=3000'].map(option => `--master-option=${option}`),
  ]
  const cluster = await Cluster.up({ chunkservers: 3, options })
  t.teardown(() => cluster.down())
  const { mount } = cluster
  const master = cluster.master()
  const dfs = (...args: string[]): Promise<string> => must('bin/dfs', [...args, '--master', master])
  const ask = async (...args: string[]) => balance.parse(JSON.parse(await dfs('balance', ...args, '--json')))

  await shell(`cd ${mount} && for n in $(seq 6); do head -c 3000000 /dev/urandom > file-$n; done; sync; md5sum file-* > /tmp/$$.sums
    mv /tmp/$$.sums sums`)
  t.match(await dfs('balance'), /off/)

  await must('scripts/cluster', ['up', '--dir', cluster.data, '--mount', mount, '--chunkservers', '4'])
  const fresh = cluster.process('chunkserver-4').address
  const before = await ask()
  t.match(before.servers.find(({ address }) => address === fresh), { totalBytes: 24 * 2 ** 20, share: 0 }, 'it is empty')
  t.ok(before.leftBytes > 2 ** 20, 'there is something to move')

  const refused = await run('bin/dfs', ['balance', 'start', '--threshold', '0', '--master', master])
  t.equal(refused.code, 2)
  const after = await ask('start', '--threshold', '5%', '--rate', '50MiB', '--wait')
  t.equal(after.state, 'balanced')
  t.ok(after.movedBytes > 2 ** 20)
  for (const { address, share } of after.servers) t.ok(Math.abs(share - after.mean) < 0.06, `${address}: ${share} of ${after.mean}`)
  t.match(await dfs('balance', 'status'), /every server is near enough/)
  t.equal((await ask('start', '--threshold', '5%', '--wait')).movedChunks, 0, 'there is nothing to do any more')

  await dropCaches()
  await shell(`cd ${mount} && md5sum --quiet -c sums`)
  const fsck = await run('bin/dfs', ['fsck', '--verify', '--master', master])
  t.equal(fsck.code, 0, fsck.stdout)
})
