import t from 'tap'
import { Cluster, dropCaches, mounting, must, shell, start } from './harness.ts'

t.test('a chunkserver killed during a long copy goes unnoticed', mounting, async t => {
  const cluster = await Cluster.up({ chunkservers: 4, options: ['--chunk-size', '8MiB'] })
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster
  await shell(`head -c 150000000 /dev/urandom > ${folder}/source`)

  t.test('while cp writes', async t => {
    const copying = start('cp', [`${folder}/source`, `${mount}/copy`])
    await must('bash', ['-c', `until [ "$(stat -c %s ${mount}/copy 2>/dev/null || echo 0)" -gt 20000000 ]; do sleep 0.05; done`])
    await cluster.kill('chunkserver-2')
    const { code, stderr } = await copying.ended
    t.strictSame([code, stderr], [0, ''], 'cp saw nothing')
    await must('cmp', [`${folder}/source`, `${mount}/copy`])
    await dropCaches()
    await must('cmp', [`${folder}/source`, `${mount}/copy`])
  })

  t.test('while cat reads', async t => {
    await cluster.start()
    await dropCaches()
    const reading = start('bash', ['-c', `cat ${mount}/copy | (head -c 30000000; echo half >&2; cat) | cmp - ${folder}/source`])
    await new Promise(resolve => { reading.child.stderr?.once('data', resolve) })
    await cluster.kill('chunkserver-3')
    const { code, stdout, stderr } = await reading.ended
    t.strictSame([code, stdout, stderr], [0, '', 'half\n'], 'cat saw nothing and read every byte right')
  })

  t.test('and the master killed while cp writes only makes it pause', async t => {
    const copying = start('cp', [`${folder}/source`, `${mount}/paused`])
    await must('bash', ['-c', `until [ "$(stat -c %s ${mount}/paused 2>/dev/null || echo 0)" -gt 20000000 ]; do sleep 0.05; done`])
    await cluster.kill('master')
    await cluster.start()
    const { code, stderr } = await copying.ended
    t.strictSame([code, stderr], [0, ''])
    await must('cmp', [`${folder}/source`, `${mount}/paused`])
  })
})
