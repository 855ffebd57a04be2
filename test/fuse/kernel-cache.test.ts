import t from 'tap'
import { KernelCache } from '../../src/fuse/kernel-cache.ts'
import type { Attributes } from '../../src/protocol/attributes.ts'
import type { InodeId } from '../../src/protocol/identifiers.ts'

const inode = 7 as InodeId

function file(contentVersion: number, sizeBytes = 100): Attributes {
  return {
    inode, type: 'file', mode: 0o644, links: 1, uid: 0, gid: 0, device: 0, sizeBytes, allocatedBytes: sizeBytes,
    accessedNs: 0n, modifiedNs: 0n, changedNs: 0n, contentVersion, chunkSizeBytes: 65_536,
    hasXattrs: false,
  }
}

function cache(): { cache: KernelCache, told: string[] } {
  const told: string[] = []
  return {
    told,
    cache: new KernelCache({
      attributes: () => { told.push('attributes') },
      contents: () => {
        told.push('contents')
        return Promise.resolve()
      },
    }),
  }
}

const reading = { writable: false }
const writing = { writable: true }

t.test('lookups are counted exactly, and what is forgotten takes no memory', t => {
  const { cache: nodes } = cache()
  void nodes.looked(file(1))
  void nodes.looked(file(1))
  t.equal(nodes.lookups(inode), 2)
  nodes.forget(inode, 1)
  t.equal(nodes.count, 1)
  nodes.forget(inode, 1)
  t.equal(nodes.count, 0)
  nodes.forget(inode, 5)
  t.equal(nodes.count, 0, 'and one too many does no harm')
  t.end()
})

t.test('a forgotten file that is open is remembered until it is closed', t => {
  const { cache: nodes } = cache()
  void nodes.looked(file(1))
  nodes.opened(file(1), reading)
  nodes.forget(inode, 1)
  t.equal(nodes.count, 1)
  nodes.closed(inode, reading)
  t.equal(nodes.count, 0)
  t.end()
})

t.test('pages are kept from one open to the next while nobody writes', t => {
  const { cache: nodes, told } = cache()
  void nodes.looked(file(1))
  t.equal(nodes.opened(file(1), reading), 'drop', 'what was cached before is not known')
  nodes.closed(inode, reading)
  t.equal(nodes.opened(file(1), reading), 'keep')
  t.strictSame(told, [])
  t.end()
})

t.test('our own writes do not empty the page cache', t => {
  const { cache: nodes } = cache()
  void nodes.looked(file(1))
  nodes.opened(file(1), writing)
  nodes.written(inode, 50)
  t.equal(nodes.told(file(2)), undefined, 'while the file is open')
  nodes.closed(inode, writing)
  t.equal(nodes.opened(file(2), reading), 'keep', 'nor at the next open')
  t.end()
})

t.test('what others wrote between our writes empties it', t => {
  const { cache: nodes } = cache()
  void nodes.looked(file(1))
  nodes.opened(file(1), writing)
  nodes.written(inode, 50)
  nodes.closed(inode, writing)
  t.equal(nodes.opened(file(3), reading), 'drop')
  t.end()
})

t.test('one rise while another handle still writes proves nothing', t => {
  const { cache: nodes } = cache()
  void nodes.looked(file(1))
  nodes.opened(file(1), writing)
  nodes.written(inode, 50)
  t.equal(nodes.opened(file(2), reading), 'drop')
  t.end()
})

t.test('a change by others is told to the kernel before it hears the new attributes', async t => {
  const { cache: nodes, told } = cache()
  void nodes.looked(file(1))
  nodes.opened(file(1), reading)
  await nodes.told(file(2))
  t.strictSame(told, ['contents'])
  await nodes.told(file(2))
  t.strictSame(told, ['contents'], 'once')
})

t.test('growth by others empties the cache even of a file that we write', async t => {
  const { cache: nodes, told } = cache()
  void nodes.looked(file(1, 100))
  nodes.opened(file(1, 100), writing)
  nodes.written(inode, 120)
  await nodes.told(file(1, 120))
  t.strictSame(told, [])
  await nodes.told(file(2, 150))
  t.strictSame(told, ['contents'])
})

t.test('an open that finds other contents drops the attributes the kernel had', t => {
  const { cache: nodes, told } = cache()
  void nodes.looked(file(1))
  nodes.opened(file(2), reading)
  t.strictSame(told, ['attributes'])
  t.end()
})
