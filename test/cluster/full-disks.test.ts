import path from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { Cluster, eventually, mounting, must, run, shell } from './harness.ts'
import { Ledger } from './ledger.ts'

const status = z.object({ servers: z.array(z.object({ address: z.string(), freeBytes: z.number(), diskFault: z.string() })) })

t.test('disks that are full, or take no writes', mounting, async t => {
  const names = ['chunkserver-1', 'chunkserver-2', 'chunkserver-3']
  const cluster = await Cluster.up({
    options: ['--chunk-size', '1MiB', '--replicas', '2', '--master-option=--heartbeat-ms=500'],
    disks: Object.fromEntries(names.map(name => [name, '48m'])),
  })
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster
  const server = async (name: string): Promise<z.infer<typeof status>['servers'][number]> => {
    const { address } = cluster.process(name)
    const found = status.parse(JSON.parse(await must('bin/dfs', ['status', mount, '--json']))).servers.find(each => each.address === address)
    if (found === undefined) throw new Error(`${name} is not in the status`)
    return found
  }
  const fill = (name: string): Promise<unknown> => run('dd', ['if=/dev/zero', `of=${cluster.disk(name)}/filler`, 'bs=64k'])
  const empty = (name: string): Promise<string> => shell(`rm -f ${cluster.disk(name)}/filler`)
  const writing = new Ledger(path.join(mount, 'ledger'), path.join(folder, 'ledger'))
  t.teardown(() => writing.stop('SIGKILL'))

  t.test('one full disk: writing goes on with the others, and the server takes no new chunks', async t => {
    await writing.more()
    await fill('chunkserver-1')
    await writing.more()
    await must('bash', ['-c', `head -c 3000000 /dev/urandom > ${folder}/source && cp ${folder}/source ${mount}/while-full && sync ${mount}/while-full`])
    t.strictSame(writing.errors, [], 'the application was told of nothing')
    await eventually('the status shows it', async () => (await server('chunkserver-1')).freeBytes < 1024 * 1024 || undefined)
    const placed = await must('bin/dfs', ['info', `${mount}/while-full`, '--json', '--no-verify'])
    t.notOk(placed.includes((await server('chunkserver-1')).address), 'nothing new is placed there')
    await must('cmp', [`${folder}/source`, `${mount}/while-full`])
  })

  t.test('all disks full: ENOSPC, and what was there stays right', async t => {
    const copied = run('bash', ['-c', `for i in 1 2 3 4 5 6 7 8; do cp ${folder}/source ${mount}/too-much-$i || exit 1; done`])
    await Promise.all(names.map(fill))
    const { code, stderr } = await copied
    t.equal(code, 1)
    t.match(stderr, /No space left on device/)
    await must('cmp', [`${folder}/source`, `${mount}/while-full`])
  })

  t.test('with room again, writing works again without a remount', async t => {
    await shell(`rm -f ${mount}/too-much-*`)
    await Promise.all(names.map(empty))
    await must('bash', ['-c', `until cp ${folder}/source ${mount}/afterwards && sync ${mount}/afterwards; do sleep 0.5; done`], { timeoutMs: 60_000 })
    await must('cmp', [`${folder}/source`, `${mount}/afterwards`])
    await writing.more()
    t.strictSame(writing.errors.filter(error => error !== 'ENOSPC'), [])
  })

  t.test('a disk that fails: writing goes on, the status says so, and it can come back', async t => {
    const before = writing.errors.length
    await cluster.breakDisk('chunkserver-2')
    await writing.more()
    await shell(`for i in 1 2 3; do cp ${folder}/source ${mount}/failed-$i; sync ${mount}/failed-$i; done`)
    t.equal(writing.errors.length, before, 'the application was told of nothing')
    await eventually('the fault is shown', async () => (await server('chunkserver-2')).diskFault !== '' || undefined)
    await cluster.mendDisk('chunkserver-2')
    await eventually('it works again', async () => (await server('chunkserver-2')).diskFault === '' || undefined)
    for (const number of [1, 2, 3]) await must('cmp', [`${folder}/source`, `${mount}/failed-${String(number)}`])
  })

  t.test('and everything acknowledged is there', async () => {
    await writing.stop()
    await writing.check()
  })
})
