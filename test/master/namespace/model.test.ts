// Random sequences of operations against a toy tree that shares no code with the product.
import t from 'tap'
import fc from 'fast-check'
import { ROOT_INODE, type InodeId } from '../../../src/protocol/identifiers.ts'
import { isError } from '../../../src/protocol/errors.ts'
import { Fixture, nameOf, root } from '../core-fixture.ts'

interface Node { kind: 'file' | 'directory', children: Map<string, Node>, id: number }

/** The namespace as a user imagines it: nested maps, errors by name. */
class ToyTree {
  #next = 1
  readonly root: Node = this.node('directory')

  node(kind: Node['kind']): Node {
    return { kind, children: new Map(), id: this.#next++ }
  }

  at(path: string[]): Node | undefined {
    let node: Node | undefined = this.root
    for (const part of path) node = node?.children.get(part)
    return node
  }

  parent(path: string[]): Node | string {
    const parent = this.at(path.slice(0, -1))
    if (parent === undefined) return 'no-such-entry'
    return parent.kind === 'directory' ? parent : 'not-a-directory'
  }

  make(path: string[], kind: Node['kind']): string {
    const parent = this.parent(path)
    if (typeof parent === 'string') return parent
    if (parent.children.has(leaf(path))) return 'already-exists'
    parent.children.set(leaf(path), this.node(kind))
    return 'done'
  }

  link(from: string[], to: string[]): string {
    const source = this.at(from)
    const parent = this.parent(to)
    if (source === undefined) return 'missing-source'
    if (typeof parent === 'string') return parent
    if (parent.children.has(leaf(to))) return 'already-exists'
    if (source.kind === 'directory') return 'not-permitted'
    parent.children.set(leaf(to), source)
    return 'done'
  }

  remove(path: string[], kind: Node['kind']): string {
    const parent = this.parent(path)
    if (typeof parent === 'string') return parent
    const child = parent.children.get(leaf(path))
    if (child === undefined) return 'no-such-entry'
    if (child.kind !== kind) return kind === 'file' ? 'is-a-directory' : 'not-a-directory'
    if (child.children.size > 0) return 'not-empty'
    parent.children.delete(leaf(path))
    return 'done'
  }

  rename(from: string[], to: string[], mode: 'replace' | 'no-replace' | 'exchange'): string {
    const fromParent = this.parent(from)
    if (typeof fromParent === 'string') return fromParent
    const toParent = this.parent(to)
    if (typeof toParent === 'string') return toParent
    const moved = fromParent.children.get(leaf(from))
    const target = toParent.children.get(leaf(to))
    if (moved === undefined) return 'no-such-entry'
    if (mode === 'no-replace' && target !== undefined) return 'already-exists'
    if (mode === 'exchange' && target === undefined) return 'no-such-entry'
    if (to.slice(0, -1).length >= from.length && from.every((part, at) => to[at] === part)) return 'invalid'
    if (target !== undefined && from.slice(0, -1).length >= to.length && to.every((part, at) => from[at] === part)) {
      return mode === 'exchange' ? 'invalid' : 'not-empty'
    }
    if (target === moved) return 'done'
    if (target !== undefined && mode !== 'exchange') {
      if (moved.kind === 'directory' && target.kind !== 'directory') return 'not-a-directory'
      if (moved.kind !== 'directory' && target.kind === 'directory') return 'is-a-directory'
      if (target.children.size > 0) return 'not-empty'
    }
    fromParent.children.delete(leaf(from))
    toParent.children.set(leaf(to), moved)
    if (mode === 'exchange' && target !== undefined) fromParent.children.set(leaf(from), target)
    return 'done'
  }

  /** Every path, its kind, its number of names or subdirectories, and which paths are the same file. */
  describe(): string[] {
    const names = new Map<number, number>()
    const walk = (node: Node, visit: (path: string, node: Node) => void, path = ''): void => {
      for (const [name, child] of node.children) {
        visit(`${path}/${name}`, child)
        walk(child, visit, `${path}/${name}`)
      }
    }
    walk(this.root, (_path, { id }) => names.set(id, (names.get(id) ?? 0) + 1))
    const lines: string[] = []
    walk(this.root, (path, node) => {
      const subdirectories = [...node.children.values()].filter(({ kind }) => kind === 'directory').length
      lines.push(`${path} ${node.kind} ${node.kind === 'file' ? names.get(node.id) ?? 0 : 2 + subdirectories}`)
    })
    return lines.sort()
  }
}

const leaf = (path: string[]): string => path.at(-1) ?? ''

function describe(f: Fixture, directory: InodeId = ROOT_INODE, path = ''): string[] {
  return f.core.state.entriesOf(directory, undefined, 1_000).flatMap(({ name, inode }) => {
    const record = f.core.state.inode(inode)
    const line = `${path}/${name} ${record?.type ?? 'missing'} ${record?.links ?? -1}`
    return [line, ...(record?.type === 'directory' ? describe(f, inode, `${path}/${name}`) : [])]
  }).sort()
}

type Step =
  | { do: 'file' | 'directory' | 'unlink' | 'rmdir', path: string[] }
  | { do: 'link' | 'replace' | 'no-replace' | 'exchange', from: string[], to: string[] }
  | { do: 'crash', how: 'process' | 'power' }

/** Looks a parent up as a client does; what it cannot find it cannot ask for. */
function parentOf(f: Fixture, path: string[]): InodeId | string {
  let at: InodeId = ROOT_INODE
  for (const part of path.slice(0, -1)) {
    const found = f.core.state.entry(at, nameOf(part))
    if (found === undefined) return 'no-such-entry'
    at = found
  }
  if (f.core.state.inode(at)?.type !== 'directory') return 'not-a-directory'
  return at
}

async function perform(f: Fixture, step: Exclude<Step, { do: 'crash' }>): Promise<string> {
  const place = (path: string[]): { parent: InodeId, name: ReturnType<typeof nameOf> } => {
    const parent = parentOf(f, path)
    if (typeof parent === 'string') throw new Error(parent)
    return { parent, name: nameOf(leaf(path)) }
  }
  try {
    if (step.do === 'file' || step.do === 'directory') {
      await f.do('make', { ...place(step.path), node: { type: step.do, mode: 0o755 }, caller: root })
    } else if (step.do === 'unlink') {
      await f.do('unlink', { ...place(step.path), caller: root })
    } else if (step.do === 'rmdir') {
      await f.do('removeDirectory', { ...place(step.path), caller: root })
    } else if (step.do === 'link') {
      const source = parentOf(f, step.from)
      if (typeof source === 'string') return 'missing-source'
      const inode = f.core.state.entry(source, nameOf(leaf(step.from)))
      if (inode === undefined) return 'missing-source'
      await f.do('link', { inode, ...place(step.to), caller: root })
    } else if ('from' in step) {
      await f.do('rename', { from: place(step.from), to: place(step.to), mode: step.do, caller: root })
    }
    return 'done'
  } catch (error) {
    if (isError(error, 'no-such-entry', 'already-exists', 'not-a-directory', 'is-a-directory', 'not-empty', 'invalid', 'not-permitted')) {
      return error.code
    }
    if (error instanceof Error && ['no-such-entry', 'not-a-directory'].includes(error.message)) return error.message
    throw error
  }
}

function imagine(tree: ToyTree, step: Exclude<Step, { do: 'crash' }>): string {
  if ('path' in step) {
    if (step.do === 'unlink') return tree.remove(step.path, 'file')
    return step.do === 'rmdir' ? tree.remove(step.path, 'directory') : tree.make(step.path, step.do)
  }
  return step.do === 'link' ? tree.link(step.from, step.to) : tree.rename(step.from, step.to, step.do)
}

const anyPath = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 })
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('directory' as const), path: anyPath }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('file' as const), path: anyPath }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('unlink' as const, 'rmdir' as const), path: anyPath }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('replace' as const, 'no-replace' as const, 'exchange' as const, 'link' as const), from: anyPath, to: anyPath,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), how: fc.constantFrom('process' as const, 'power' as const) }) },
)

t.test('any sequence of operations and crashes leaves what a toy tree says', async t => {
  const outcomes = new Set<string>()
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { minLength: 100, maxLength: 160, size: 'max' }), async steps => {
    const f = new Fixture()
    try {
      await f.open({ checkpointBytes: 5_000 })
      const tree = new ToyTree()
      for (const step of steps) {
        if (step.do === 'crash') {
          await f.crash(step.how, { checkpointBytes: 5_000 })
          f.core.sessions.resume(f.session, 'client', [])
          continue
        }
        const expected = imagine(tree, step)
        const found = await perform(f, step)
        outcomes.add(`${step.do} ${found}`)
        if (found !== expected) throw new Error(`${JSON.stringify(step)}: ${found} instead of ${expected}`)
      }
      const said = describe(f)
      t.strictSame(said, tree.describe())
      for (let round = 0; round < 2; round++) await f.core.submit('collect', { inodes: [] })
      const kept = new Set(inodesOf(f))
      t.equal(f.core.state.inodeCount, kept.size + 1, 'no inode without a name is left')
    } finally {
      await f.remove()
    }
  }), { seed: 20_261_121, numRuns: 40 })
  for (const rule of ['replace done', 'replace not-empty', 'replace invalid', 'exchange done', 'exchange invalid', 'link done', 'rmdir done', 'unlink done']) {
    t.ok(outcomes.has(rule), `"${rule}" was among what happened`)
  }
})

function inodesOf(f: Fixture, directory: InodeId = ROOT_INODE): InodeId[] {
  return f.core.state.entriesOf(directory, undefined, 1_000).flatMap(({ inode }) =>
    f.core.state.inode(inode)?.type === 'directory' ? [inode, ...inodesOf(f, inode)] : [inode])
}
