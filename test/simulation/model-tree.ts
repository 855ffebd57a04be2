/** An inode of the model. */
export interface ModelNode {
  readonly type: 'directory' | 'file' | 'symlink'
  readonly target: string
  mode: number
  links: number
  readonly xattrs: Map<string, string>
  /** Of a directory. */
  readonly children: Map<string, ModelNode>
}

export interface Place {
  directory: ModelNode
  name: string
}

/** What the model says of a change: a refusal, by the code of its error, or nothing. */
type Verdict = string | undefined

export function newNode(type: ModelNode['type'], mode: number, target = ''): ModelNode {
  return { type, mode, target, links: 1, xattrs: new Map(), children: new Map() }
}

/** Names, links and attributes as one who changes them alone must find them. Shares no code with the product. */
export class ModelTree {
  readonly root = newNode('directory', 0o755)

  /** All directories, the root first. */
  directories(from: ModelNode = this.root): ModelNode[] {
    return [from, ...[...from.children.values()].filter(({ type }) => type === 'directory').flatMap(each => this.directories(each))]
  }

  add({ directory, name }: Place, node: ModelNode): Verdict {
    if (directory.children.has(name)) return 'already-exists'
    directory.children.set(name, node)
    return undefined
  }

  link(node: ModelNode, to: Place): Verdict {
    const refused = this.add(to, node)
    if (refused === undefined) node.links++
    return refused
  }

  unlink({ directory, name }: Place): Verdict {
    const node = directory.children.get(name)
    if (node === undefined) return 'no-such-entry'
    if (node.type === 'directory') return 'is-a-directory'
    directory.children.delete(name)
    node.links--
    return undefined
  }

  removeDirectory({ directory, name }: Place): Verdict {
    const node = directory.children.get(name)
    if (node === undefined) return 'no-such-entry'
    if (node.type !== 'directory') return 'not-a-directory'
    if (node.children.size > 0) return 'not-empty'
    directory.children.delete(name)
    return undefined
  }

  rename(from: Place, to: Place, mode: 'replace' | 'no-replace' | 'exchange'): Verdict {
    const moved = from.directory.children.get(from.name)
    const target = to.directory.children.get(to.name)
    if (moved === undefined) return 'no-such-entry'
    if (target !== undefined && mode === 'no-replace') return 'already-exists'
    if (target === undefined && mode === 'exchange') return 'no-such-entry'
    if (this.directories(moved).includes(to.directory) && moved.type === 'directory') return 'invalid'
    if (target?.type === 'directory' && this.directories(target).includes(from.directory)) {
      return mode === 'exchange' ? 'invalid' : 'not-empty'
    }
    if (target === moved) return undefined
    if (target !== undefined && mode !== 'exchange') {
      if (moved.type === 'directory' && target.type !== 'directory') return 'not-a-directory'
      if (moved.type !== 'directory' && target.type === 'directory') return 'is-a-directory'
      if (target.children.size > 0) return 'not-empty'
      target.links--
    }
    from.directory.children.delete(from.name)
    if (target !== undefined && mode === 'exchange') from.directory.children.set(from.name, target)
    to.directory.children.set(to.name, moved)
    return undefined
  }
}
