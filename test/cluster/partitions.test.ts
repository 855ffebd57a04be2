import path from 'node:path'
import t from 'tap'
import { Cluster, dropCaches, must, run, shell, whole } from './harness.ts'
import { Ledger } from './ledger.ts'
import { Network, networking, type Host } from './network.ts'
import { replicasOf } from './replicas.ts'

t.test('partitions, while a program writes', networking, async t => {
  const network = await Network.make(5)
  t.teardown(() => network.remove())
  const cluster = await Cluster.up({ chunkservers: 4, options: ['--chunk-size', '1MiB', network.option] })
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster
  const writing = new Ledger(path.join(mount, 'ledger'), path.join(folder, 'ledger'))
  t.teardown(() => writing.stop('SIGKILL'))
  await writing.more()

  /** The number of the server that orders what is written. */
  const primary = async (): Promise<number> =>
    Number((await replicasOf(cluster, path.join(mount, 'ledger/blocks-0'), 'primary')).split('-')[1])

  for (const [what, cut] of [
    ['a chunkserver from the client only', async () => [await primary(), 'client']],
    ['a chunkserver from one of its peers only', async () => {
      const one = await primary()
      return [one, one % 4 + 1]
    }],
    ['a chunkserver from the master only', async () => [await primary(), 0]],
  ] as readonly (readonly [string, () => Promise<readonly [Host, Host]>])[]) {
    t.test(what, async t => {
      const before = writing.pauses.length
      await network.cut(...await cut())
      await writing.more()
      await shell(`head -c 3000000 /dev/urandom > ${folder}/source && cp ${folder}/source ${mount}/copy && sync ${mount}/copy`)
      await dropCaches()
      await must('cmp', [`${folder}/source`, `${mount}/copy`])
      await network.heal()
      await writing.more()
      t.strictSame(writing.errors, [], 'the application was told of nothing')
      const longest = Math.max(0, ...writing.pauses.slice(before))
      t.ok(longest < 30_000, `the longest pause was ${String(longest)} ms`)
    })
  }

  t.test('the master from everyone: all wait, and go on when it is back', async t => {
    await network.isolate(0)
    const making = run('mkdir', [path.join(mount, 'made')])
    await shell('sleep 6')
    await network.heal()
    t.equal((await making).code, 0)
    await writing.more()
    t.strictSame(writing.errors, [])
  })

  t.test('and afterwards every replica is made anew and everything acknowledged is there', async t => {
    await writing.stop()
    await whole(cluster)
    await dropCaches()
    t.match(await writing.check(), /"wrong":\[\]/)
  })
})
