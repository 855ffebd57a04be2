import assert from 'node:assert/strict'
import type { FileSystem } from '../../src/client/file-system.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { isError, type DfsError } from '../../src/protocol/errors.ts'
import type { InodeId } from '../../src/protocol/identifiers.ts'
import type { LinkTarget, Name, XattrName } from '../../src/protocol/names.ts'
import { pause, type Clock } from '../../src/seams/clock.ts'
import type { Journey } from './journey.ts'
import { ModelTree, newNode, type ModelNode, type Place } from './model-tree.ts'
import type { SeededRandom } from './random.ts'

/** So few names that changes meet one another. */
const NAMES = ['a', 'b', 'c', 'd', 'e']
const DIRECTORIES_MAX = 8
const THINK_MS_MAX = 400
const renameModes = ['replace', 'no-replace', 'exchange'] as const

/**
 * One client's random changes of names, links and attributes in a directory of its own. The namespace forgets nothing,
 * whatever fails: every outcome must be the model's, refusals too.
 */
export class TreeWorkload {
  readonly #fileSystem: FileSystem
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #journey: Journey
  readonly #model = new ModelTree()
  readonly #inodes: Map<ModelNode, InodeId>

  constructor(
    { fileSystem, clock, random, directory, journey }:
    { fileSystem: FileSystem, clock: Clock, random: SeededRandom, directory: InodeId, journey: Journey },
  ) {
    this.#fileSystem = fileSystem
    this.#clock = clock
    this.#random = random
    this.#journey = journey
    this.#inodes = new Map([[this.#model.root, directory]])
  }

  async run(operations: number): Promise<void> {
    for (let done = 0; done < operations; done++) {
      await pause(this.#clock, this.#random.below(THINK_MS_MAX))
      await this.#step()
    }
  }

  async #step(): Promise<void> {
    const random = this.#random
    const place = this.#somePlace()
    const node = place.directory.children.get(place.name)
    const dice = random.below(100)
    if (dice < 30) return this.#make(place)
    if (dice < 42) return this.#unlink(place)
    if (dice < 50) return this.#removeDirectory(place)
    if (dice < 72) return this.#rename(place, this.#somePlace(), random.pick(renameModes))
    if (node !== undefined && dice < 80) return this.#link(node, this.#somePlace())
    // Symbolic links have neither mode nor user attributes.
    if (node !== undefined && node.type !== 'symlink' && dice < 92) return this.#attributes(node, place.name)
    return this.#check(random.pick(this.#model.directories()))
  }

  #somePlace(): Place {
    return { directory: this.#random.pick(this.#model.directories()), name: this.#random.pick(NAMES) }
  }

  async #make(place: Place): Promise<void> {
    const type = this.#model.directories().length < DIRECTORIES_MAX ? this.#random.pick(['directory', 'file', 'symlink'] as const) : 'file'
    const mode = type === 'symlink' ? 0o777 : this.#random.below(0o1000)
    const node = newNode(type, mode, type === 'symlink' ? `to-${String(this.#random.below(1_000))}` : '')
    const wanted = type === 'symlink' ? { type, target: node.target as LinkTarget } : { type, mode }
    await this.#expect(`making ${type} ${place.name}`, this.#model.add(place, node), async () => {
      const { inode } = await this.#fileSystem.make(this.#inodeOf(place.directory), place.name as Name, wanted, superuser)
      this.#inodes.set(node, inode)
    })
  }

  #link(node: ModelNode, to: Place): Promise<void> {
    if (node.type === 'directory') return Promise.resolve()
    return this.#expect(`linking as ${to.name}`, this.#model.link(node, to), async () => {
      await this.#fileSystem.link(this.#inodeOf(node), this.#inodeOf(to.directory), to.name as Name, superuser)
    })
  }

  #unlink(place: Place): Promise<void> {
    return this.#expect(`unlinking ${place.name}`, this.#model.unlink(place),
      () => this.#fileSystem.unlink(this.#inodeOf(place.directory), place.name as Name, superuser))
  }

  #removeDirectory(place: Place): Promise<void> {
    return this.#expect(`removing directory ${place.name}`, this.#model.removeDirectory(place),
      () => this.#fileSystem.removeDirectory(this.#inodeOf(place.directory), place.name as Name, superuser))
  }

  #rename(from: Place, to: Place, mode: (typeof renameModes)[number]): Promise<void> {
    return this.#expect(`renaming ${from.name} to ${to.name} (${mode})`, this.#model.rename(from, to, mode),
      () => this.#fileSystem.rename(
        { parent: this.#inodeOf(from.directory), name: from.name as Name },
        { parent: this.#inodeOf(to.directory), name: to.name as Name }, mode, superuser))
  }

  async #attributes(node: ModelNode, name: string): Promise<void> {
    const inode = this.#inodeOf(node)
    if (this.#random.chance(0.4)) {
      node.mode = this.#random.below(0o1000)
      return this.#expect(`changing the mode of ${name}`, undefined, async () => {
        await this.#fileSystem.setAttributes(inode, { mode: node.mode }, superuser)
      })
    }
    const attribute = `user.${this.#random.pick(NAMES)}`
    if (this.#random.chance(0.3)) {
      const refusal = node.xattrs.delete(attribute) ? undefined : 'no-such-attribute'
      return this.#expect(`removing ${attribute} of ${name}`, refusal,
        () => this.#fileSystem.removeXattr(inode, attribute as XattrName, superuser))
    }
    const value = String(this.#random.below(1_000_000))
    node.xattrs.set(attribute, value)
    await this.#expect(`setting ${attribute} of ${name}`, undefined,
      () => this.#fileSystem.setXattr(inode, attribute as XattrName, Buffer.from(value), 'any', superuser))
  }

  /** The whole tree, as the master has it. */
  async checkAll(): Promise<void> {
    for (const directory of this.#model.directories()) await this.#check(directory)
  }

  async #check(directory: ModelNode): Promise<void> {
    this.#journey.doing = 'checking a directory'
    const { entries } = await this.#fileSystem.readDirectory(this.#inodeOf(directory), undefined, 1_000, superuser)
    assert.deepEqual(entries.map(({ name }) => String(name)).sort(), [...directory.children.keys()].sort(), 'names in a directory')
    for (const { name, attributes } of entries) {
      const node = directory.children.get(name)
      assert(node !== undefined)
      assert.equal(attributes.inode, this.#inodeOf(node), `${name}: its inode`)
      assert.equal(attributes.type, node.type, `${name}: its type`)
      assert.equal(attributes.mode & 0o7777, node.mode, `${name}: its mode`)
      const subdirectories = [...node.children.values()].filter(({ type }) => type === 'directory').length
      assert.equal(attributes.links, node.type === 'directory' ? 2 + subdirectories : node.links, `${name}: its links`)
      if (node.type === 'symlink') assert.equal(await this.#fileSystem.readLink(attributes.inode), node.target)
      assert.deepEqual([...await this.#fileSystem.listXattrs(attributes.inode)].map(String).sort(), [...node.xattrs.keys()].sort())
      for (const [xattr, value] of node.xattrs) {
        const found = await this.#fileSystem.getXattr(attributes.inode, xattr as XattrName, superuser)
        assert.equal(found.toString(), value, `${name}: ${xattr}`)
      }
    }
  }

  #inodeOf(node: ModelNode): InodeId {
    const inode = this.#inodes.get(node)
    assert(inode !== undefined, 'the model has an inode that was never made')
    return inode
  }

  async #expect(what: string, refusal: string | undefined, change: () => Promise<void>): Promise<void> {
    this.#journey.doing = `${what}, ${refusal ?? 'which may be done'}`
    try {
      await change()
    } catch (error) {
      if (refusal !== undefined && isError(error, refusal as DfsError['code'])) return
      throw error
    }
    assert.equal(refusal, undefined, `${what} should have been refused`)
  }
}
