import t from 'tap'
import fc from 'fast-check'
import { Namespace } from '../../../src/client/metadata/namespace.ts'
import { NamespaceCache } from '../../../src/client/metadata/namespace-cache.ts'
import { Neighbours } from '../../../src/client/metadata/neighbours.ts'
import type { MasterSession } from '../../../src/client/master/session.ts'
import { superuser, type Attributes } from '../../../src/protocol/attributes.ts'
import { asDfsError } from '../../../src/protocol/errors.ts'
import { ROOT_INODE, type InodeId } from '../../../src/protocol/identifiers.ts'
import { masterApi } from '../../../src/protocol/master-api.ts'
import { name as nameSchema, type Name, type XattrName } from '../../../src/protocol/names.ts'
import { MasterWorld } from '../master-world.ts'

const TTL_MS = 500
const name = (text: string): Name => nameSchema.parse(text)

async function clients(seed: number, count: number): Promise<{
  master: MasterWorld, sessions: MasterSession[], namespaces: Namespace[], end: () => void,
}> {
  const master = await MasterWorld.started(seed)
  const sessions: MasterSession[] = []
  for (let number = 1; number <= count; number++) sessions.push(await master.session(`client-${String(number)}`))
  const namespaces = sessions.map(session => new Namespace({
    session, cache: new NamespaceCache(session.freshness, TTL_MS), neighbours: new Neighbours(master.world.clock, TTL_MS),
    unsentOf: () => undefined,
  }))
  return { master, sessions, namespaces, end: () => { master.remove() } }
}

const anyName = fc.constantFrom('a', 'b', 'c').map(name)
const anyPlace = fc.record({ parent: fc.nat(2), name: anyName })
const anyStep = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('make' as const), at: anyPlace, type: fc.constantFrom('file' as const, 'directory' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unlink' as const), at: anyPlace }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeDirectory' as const), at: anyPlace }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link' as const), from: anyPlace, at: anyPlace }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rename' as const), from: anyPlace, at: anyPlace,
      mode: fc.constantFrom('replace' as const, 'no-replace' as const, 'exchange' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('chmod' as const), at: anyPlace, bits: fc.integer({ min: 0, max: 0o777 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const), at: anyPlace }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), parent: fc.nat(2) }) },
)

t.test('whatever a client does its caches show at once, and those of another with the next answer', async t => {
  const { master, sessions: [session, otherSession], namespaces: [namespace, otherNamespace], end } = await clients(1, 2)
  t.teardown(end)
  if (session === undefined || namespace === undefined || otherSession === undefined || otherNamespace === undefined) {
    throw new Error('no client')
  }
  let seen = 0
  let round = 0
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { minLength: 20, maxLength: 40 }), async steps => {
    round++
    const top: InodeId[] = []
    for (const each of ['x', 'y', 'z']) {
      const made = await master.finish(namespace.make(ROOT_INODE, name(`${each}${String(round)}`),
        { type: 'directory', mode: 0o755 }, superuser))
      top.push(made.inode)
    }
    const place = (at: { parent: number, name: Name }): { parent: InodeId, name: Name } =>
      ({ parent: top[at.parent] ?? ROOT_INODE, name: at.name })
    const truth = (at: { parent: InodeId, name: Name }): Promise<Attributes | undefined> =>
      master.finish(session.ask(masterApi.methods.lookup, { ...at, caller: superuser }).catch(() => undefined))
    for (const step of steps) {
      const change = async (): Promise<unknown> => {
        if (step.do === 'list') {
          return namespace.readDirectory(top[step.parent] ?? ROOT_INODE, undefined, 100, superuser)
        }
        const at = place(step.at)
        switch (step.do) {
          case 'make': return namespace.make(at.parent, at.name, { type: step.type, mode: 0o755 }, superuser)
          case 'unlink': return namespace.unlink(at.parent, at.name, superuser)
          case 'removeDirectory': return namespace.removeDirectory(at.parent, at.name, superuser)
          case 'rename': return namespace.rename(place(step.from), at, step.mode, superuser)
          case 'look': return namespace.lookup(at.parent, at.name, superuser)
          case 'link': {
            const from = await truth(place(step.from))
            return from === undefined ? undefined : namespace.link(from.inode, at.parent, at.name, superuser)
          }
          case 'chmod': {
            const found = await truth(at)
            return found && namespace.setAttributes(found.inode, { mode: step.bits }, superuser)
          }
        }
      }
      await master.finish(change().catch(asDfsError))
      for (const [viewer, view] of [[session, namespace], [otherSession, otherNamespace]] as const) {
        for (const parent of top) {
          const directory = await master.finish(viewer.ask(masterApi.methods.attributes, { inode: parent }))
          t.strictSame(await master.finish(view.attributes(parent)), directory, `a directory after ${step.do}`)
          for (const each of ['a', 'b', 'c']) {
            const at = { parent, name: name(each) }
            const found = await master.finish(view.lookup(at.parent, at.name, superuser).catch(() => undefined))
            t.strictSame(found, await truth(at), `a name after ${step.do}`)
            if (found !== undefined) seen++
          }
        }
      }
      // Old enough that only what the master says of changes keeps anything alive.
      await master.pass(TTL_MS)
    }
  }), { numRuns: 20, seed: 7 })
  t.ok(seen > 100, `something was there to be seen: ${String(seen)}`)
})

t.test('what others change is seen within the stated time, and not asked for before', async t => {
  const { master, namespaces: [one, other], end } = await clients(2, 2)
  t.teardown(end)
  if (one === undefined || other === undefined) throw new Error('no client')
  const { inode } = await master.finish(one.make(ROOT_INODE, name('file'), { type: 'file', mode: 0o644 }, superuser))
  await master.finish(other.lookup(ROOT_INODE, name('file'), superuser))
  t.match(await master.finish(other.lookup(ROOT_INODE, name('new'), superuser).catch(asDfsError)), { code: 'no-such-entry' })
  await master.finish(one.setAttributes(inode, { mode: 0o600 }, superuser))
  await master.finish(one.make(ROOT_INODE, name('new'), { type: 'file', mode: 0o644 }, superuser))
  const before = master.world.network.delivered
  t.match(await master.finish(other.lookup(ROOT_INODE, name('file'), superuser)), { mode: 0o644 }, 'the cache answers')
  t.match(await master.finish(other.lookup(ROOT_INODE, name('new'), superuser).catch(asDfsError)), { code: 'no-such-entry' })
  t.equal(master.world.network.delivered, before, 'without a message')
  await master.pass(TTL_MS)
  t.match(await master.finish(other.attributes(inode)), { mode: 0o600 })
  t.match(await master.finish(other.lookup(ROOT_INODE, name('new'), superuser)), { type: 'file' })
})

t.test('what nobody has changed stays known while the master answers', async t => {
  const { master, sessions: [, session], namespaces: [one, other], end } = await clients(3, 2)
  t.teardown(end)
  if (one === undefined || other === undefined || session === undefined) throw new Error('no client')
  const directory = { type: 'directory' as const, mode: 0o755 }
  const mine = await master.finish(one.make(ROOT_INODE, name('mine'), directory, superuser))
  for (const each of ['a', 'b']) await master.finish(one.make(mine.inode, name(each), directory, superuser))
  for (const each of ['a', 'b', 'none']) {
    await master.finish(other.lookup(mine.inode, name(each), superuser).catch(asDfsError))
  }
  await master.finish(one.make(mine.inode, name('none'), directory, superuser))
  await master.finish(one.removeDirectory(mine.inode, name('a'), superuser))
  await master.pass(60 * TTL_MS)
  await master.finish(session.ask(masterApi.methods.attributes, { inode: ROOT_INODE }))
  const before = master.world.network.delivered
  t.match(await master.finish(other.lookup(mine.inode, name('b'), superuser)), { type: 'directory' })
  t.equal(master.world.network.delivered, before, 'without a message')
  t.match(await master.finish(other.lookup(mine.inode, name('none'), superuser)), { type: 'directory' })
  t.match(await master.finish(other.lookup(mine.inode, name('a'), superuser).catch(asDfsError)), { code: 'no-such-entry' })
})

t.test('after more changes than can be told, what was known is good for its time only', async t => {
  const { master, sessions: [, session], namespaces: [one, other], end } = await clients(4, 2)
  t.teardown(end)
  if (one === undefined || other === undefined || session === undefined) throw new Error('no client')
  const file = { type: 'file' as const, mode: 0o644 }
  const first = await master.finish(one.make(ROOT_INODE, name('first'), file, superuser))
  await master.finish(other.lookup(ROOT_INODE, name('first'), superuser))
  await master.finish(one.setAttributes(first.inode, { mode: 0o600 }, superuser))
  for (let count = 0; count < 2_500; count++) {
    await master.finish(one.make(ROOT_INODE, name(`file-${String(count)}`), file, superuser))
  }
  await master.pass(TTL_MS)
  await master.finish(session.ask(masterApi.methods.attributes, { inode: ROOT_INODE }))
  t.match(await master.finish(other.lookup(ROOT_INODE, name('first'), superuser)), { mode: 0o600 })
})

t.test('a name that a change stumbled over is seen at once', async t => {
  const { master, namespaces: [one, other], end } = await clients(5, 2)
  t.teardown(end)
  if (one === undefined || other === undefined) throw new Error('no client')
  const missing = await master.finish(other.lookup(ROOT_INODE, name('dir'), superuser).catch(asDfsError))
  t.match(missing, { code: 'no-such-entry' })
  const node = { type: 'directory' as const, mode: 0o755 }
  await master.finish(one.make(ROOT_INODE, name('dir'), node, superuser))
  t.match(await master.finish(other.make(ROOT_INODE, name('dir'), node, superuser).catch(asDfsError)), { code: 'already-exists' })
  t.match(await master.finish(other.lookup(ROOT_INODE, name('dir'), superuser)), { type: 'directory' })
  await master.finish(one.removeDirectory(ROOT_INODE, name('dir'), superuser))
  t.match(await master.finish(other.removeDirectory(ROOT_INODE, name('dir'), superuser).catch(asDfsError)),
    { code: 'no-such-entry' })
  t.match(await master.finish(other.lookup(ROOT_INODE, name('dir'), superuser).catch(asDfsError)), { code: 'no-such-entry' })
})

t.test('a name whose file was replaced by others leads to the new one as soon as the old one is missed', async t => {
  const { master, namespaces: [one, other], end } = await clients(6, 2)
  t.teardown(end)
  if (one === undefined || other === undefined) throw new Error('no client')
  const node = { type: 'file' as const, mode: 0o644 }
  const old = await master.finish(one.make(ROOT_INODE, name('file'), node, superuser))
  await master.finish(other.lookup(ROOT_INODE, name('file'), superuser))
  await master.finish(one.unlink(ROOT_INODE, name('file'), superuser))
  const fresh = await master.finish(one.make(ROOT_INODE, name('file'), node, superuser))
  await master.pass(10)
  t.match(await master.finish(other.setAttributes(old.inode, { mode: 0o600 }, superuser).catch(asDfsError)),
    { code: 'stale-handle' })
  t.match(await master.finish(other.lookup(ROOT_INODE, name('file'), superuser)), { inode: fresh.inode })
})

t.test('the cache lets nobody through whom the master would stop', async t => {
  const { master, namespaces: [namespace], end } = await clients(3, 1)
  t.teardown(end)
  if (namespace === undefined) throw new Error('no client')
  const { inode } = await master.finish(namespace.make(ROOT_INODE, name('dir'), { type: 'directory', mode: 0o700 }, superuser))
  await master.finish(namespace.make(inode, name('file'), { type: 'file', mode: 0o644 }, superuser))
  await master.finish(namespace.lookup(inode, name('file'), superuser))
  const stranger = { uid: 1000, gid: 1000, groups: [] }
  const refused = await master.finish(namespace.lookup(inode, name('file'), stranger).catch(asDfsError))
  t.match(refused, { code: 'access-denied' })
})

t.test('an answer that a change of ours has overtaken is not kept', async t => {
  const { master, namespaces: [namespace], end } = await clients(4, 1)
  t.teardown(end)
  if (namespace === undefined) throw new Error('no client')
  const { inode } = await master.finish(namespace.make(ROOT_INODE, name('file'), { type: 'file', mode: 0o644 }, superuser))
  let mixed = 0
  for (let bits = 0; bits < 30; bits++) {
    await master.pass(TTL_MS)
    const [seen] = await master.finish(Promise.all([
      namespace.attributes(inode), namespace.setAttributes(inode, { mode: bits }, superuser), namespace.attributes(inode),
    ]))
    if (seen.mode !== bits) mixed++
    t.match(await master.finish(namespace.attributes(inode)), { mode: bits })
  }
  t.ok(mixed > 0, 'some reads were answered before the change')
})

t.test('what an answer has told already is not asked for', async t => {
  const { master, namespaces: [namespace, other], end } = await clients(8, 2)
  t.teardown(end)
  if (namespace === undefined || other === undefined) throw new Error('no client')
  const node = { type: 'directory' as const, mode: 0o755 }
  const messagesOf = async (run: () => Promise<unknown>): Promise<number> => {
    const before = master.world.network.delivered
    await master.finish(run().catch(asDfsError))
    return master.world.network.delivered - before
  }
  const { inode } = await master.finish(namespace.make(ROOT_INODE, name('dir'), node, superuser))
  t.equal(await messagesOf(() => namespace.lookup(inode, name('file'), superuser)), 0, 'a new directory is empty')
  const file = await master.finish(namespace.make(inode, name('file'), { type: 'file', mode: 0o644 }, superuser))
  t.equal(await messagesOf(() => namespace.attributes(inode)), 0, 'making a file tells of its directory')
  t.equal(await messagesOf(() => namespace.getXattr(file.inode, 'security.capability' as XattrName, superuser)), 0)
  t.equal(await messagesOf(() => namespace.listXattrs(file.inode)), 0, 'a new file has no extended attributes')
  await master.finish(namespace.setXattr(file.inode, 'user.a' as XattrName, new Uint8Array([1]), 'any', superuser))
  t.strictSame(await master.finish(namespace.getXattr(file.inode, 'user.a' as XattrName, superuser)), Buffer.from([1]))
  t.equal((await master.finish(other.attributes(file.inode))).hasXattrs, true)
  await master.finish(namespace.removeXattr(file.inode, 'user.a' as XattrName, superuser))
  t.equal((await master.finish(namespace.attributes(file.inode))).hasXattrs, false)
  t.equal(await messagesOf(() => namespace.rename(
    { parent: inode, name: name('file') }, { parent: ROOT_INODE, name: name('moved') }, 'replace', superuser)), 2)
  t.equal(await messagesOf(async () => {
    await namespace.attributes(ROOT_INODE)
    await namespace.attributes(inode)
    await namespace.attributes(file.inode)
    await namespace.lookup(ROOT_INODE, name('moved'), superuser)
  }), 0, 'a rename tells of both directories and of what it moved')
  await master.finish(namespace.make(inode, name('other'), node, superuser))
  await master.finish(namespace.rename({ parent: ROOT_INODE, name: name('moved') }, { parent: inode, name: name('back') }, 'replace', superuser))
  t.equal(await messagesOf(() => namespace.lookup(inode, name('other'), superuser)), 0, 'and takes nothing else away')
})

t.test('who asks for several names of a small directory gets all of them', async t => {
  const { master, namespaces: [maker, namespace], end } = await clients(9, 2)
  t.teardown(end)
  if (maker === undefined || namespace === undefined) throw new Error('no client')
  const folderOf = async (folder: string, files: number): Promise<InodeId> => {
    const { inode } = await master.finish(maker.make(ROOT_INODE, name(folder), { type: 'directory', mode: 0o755 }, superuser))
    for (let file = 0; file < files; file++) {
      await master.finish(maker.make(inode, name(String(file)), { type: 'file', mode: 0o644 }, superuser))
    }
    return inode
  }
  const look = async (inode: InodeId, files: number): Promise<number> => {
    // Here it is told of what the other has made.
    for (let time = 1; time <= 2; time++) await master.finish(namespace.freshAttributes(ROOT_INODE))
    const before = master.world.network.delivered
    for (let file = 0; file < files; file++) {
      t.match(await master.finish(namespace.lookup(inode, name(String(file)), superuser)), { type: 'file' })
    }
    t.match(await master.finish(namespace.lookup(inode, name('none'), superuser).catch(asDfsError)), { code: 'no-such-entry' })
    return master.world.network.delivered - before
  }
  const small = await folderOf('small', 50)
  t.equal(await look(small, 50), 6, 'two names, then the directory')
  await master.finish(maker.make(small, name('none'), { type: 'file', mode: 0o644 }, superuser))
  await master.pass(TTL_MS)
  t.match(await master.finish(namespace.lookup(small, name('none'), superuser)), { type: 'file' },
    'what came since is seen within the stated time')
  const large = await folderOf('large', 300)
  t.ok(await look(large, 12) <= 2 * 14, 'a large one is tried once')
})
