import type { FaultKind } from './faults.ts'

/** An exact text of one file, which must be there once, and what stands there instead. */
export interface Edit {
  file: string
  text: string
  instead: string
}

/** The runs in which a mutation should show. */
export interface Mode {
  /** None: what nobody hurts should fail. */
  faults: readonly FaultKind[]
  /** Only for what cannot happen while one fault follows another. */
  overlapping?: true
}

/** One way to break the product. */
export interface Mutant extends Mode {
  name: string
  edits: readonly Edit[]
}

/** Each breaks one thing that keeps a promise; the simulation must notice all of them. */
export const mutants: readonly Mutant[] = [
  // Durability
  {
    name: 'an fsync does not reach the disks of the replicas',
    faults: ['power'], overlapping: true,
    edits: [{
      file: 'src/chunkserver/primary/sync.ts',
      text: 'await health.watch(() => replica.sync())',
      instead: 'await health.watch(() => Promise.resolve())',
    }],
  },
  {
    name: 'the journal is not synced before an answer',
    faults: ['power'],
    edits: [{
      file: 'src/master/journal/file-journal.ts',
      text: 'await this.#file.write([record], this.#endBytes)\n      await this.#file.sync()',
      instead: 'await this.#file.write([record], this.#endBytes)',
    }],
  },
  {
    name: 'recovery skips the last record of the journal',
    faults: ['power'],
    edits: [{
      file: 'src/master/journal/file-journal.ts',
      text: 'if (nextIndex > from) visit(record.firstIndex',
      instead: 'if (nextIndex > from && record.end < segment.length) visit(record.firstIndex',
    }],
  },
  {
    name: 'the journal goes before the note of its checkpoint is on the disk',
    faults: ['power'],
    edits: [{
      file: 'src/master/state/note.ts',
      text: '  await file.sync()\n  file.close()\n  disk.rename(`${name}.new`, name)\n  await disk.syncFolder(\'\')\n',
      instead: '  file.close()\n  disk.rename(`${name}.new`, name)\n',
    }],
  },
  {
    name: 'a power cut leaves no doubt about replicas in use',
    faults: ['power'],
    edits: [{
      file: 'src/chunkserver/store/recover.ts',
      text: 'powerCut && !settled && header.state === \'good\' ? \'doubtful\' : header.state',
      instead: 'header.state',
    }],
  },
  {
    name: 'a doubtful replica is read',
    faults: ['power'],
    edits: [{
      file: 'src/chunkserver/read.ts',
      text: 'if (replica.state === \'doubtful\') {',
      instead: 'if (replica.state === \'doubtful\' && replica.version < request.version) {',
    }],
  },
  {
    name: 'doubtful replicas go although they are all there is',
    faults: ['power'], overlapping: true,
    edits: [{
      file: 'src/master/chunks/need.ts',
      text: '...(sure > 0 ? doubtful : []),',
      instead: '...doubtful,',
    }],
  },
  {
    name: 'a journal that could not be synced goes on',
    faults: ['fail', 'power'],
    edits: [{
      file: 'src/master/journal/file-journal.ts',
      text: 'await this.#file.write([record], this.#endBytes)\n      await this.#file.sync()',
      instead: 'await this.#file.write([record], this.#endBytes)\n      await this.#file.sync().catch(() => {})',
    }],
  },
  // Replicas and their versions
  {
    name: 'a commit is answered before the secondaries have applied it',
    faults: ['kill', 'cut', 'isolate'],
    edits: [{
      file: 'src/chunkserver/primary/commit.ts',
      text: '({ server: peer.server, done: replicate(parts, peer, request, bytes.data) })',
      instead: '{\n      replicate(parts, peer, request, Buffer.from(bytes.data)).catch(() => {})\n'
        + '      return { server: peer.server, done: Promise.resolve() }\n    }',
    }],
  },
  {
    name: 'the master takes a replica of an older version for a current one',
    faults: ['kill', 'cut', 'isolate'], overlapping: true,
    edits: [{
      file: 'src/master/chunks/agree.ts',
      text: 'return replica.version >= record.version && replica.state !== \'corrupt\'',
      instead: 'return replica.state !== \'corrupt\' || record.version < 0',
    }],
  },
  {
    name: 'a fence does not raise the recorded version',
    faults: ['kill', 'cut', 'isolate'],
    edits: [{
      file: 'src/master/chunks/agree.ts',
      text: '    await table.setVersion(chunk, version, { doubtful })\n',
      instead: '',
    }],
  },
  {
    name: 'a chunk is copied while a lease of it runs',
    faults: ['kill', 'cut', 'isolate'],
    edits: [{
      file: 'src/master/chunks/quiet.ts',
      text: '  if (lease === undefined && leasesAreKnown) return true\n',
      instead: '  if (lease === undefined || leasesAreKnown) return true\n',
    }],
  },
  {
    name: 'survivors are not made alike',
    faults: ['kill', 'cut', 'isolate'],
    edits: [{
      file: 'src/master/chunks/agree.ts',
      text: 'areAlike(members) ? [] : await reconcile(',
      instead: 'areAlike(members) || members.length > 0 ? [] : await reconcile(',
    }],
  },
  {
    name: 'the last good replicas go',
    faults: ['kill', 'power'],
    edits: [{
      file: 'src/master/chunks/need.ts',
      text: '...(sure >= Math.min(GOOD_BEFORE_STALE_GO, wanted)\n      ? alive.filter(replica => replica.version < version && replica.state !== \'corrupt\')',
      instead: '...(sure < Math.min(GOOD_BEFORE_STALE_GO, wanted)\n      ? alive.filter(replica => replica.state !== \'corrupt\')',
    }],
  },
  // Disks
  {
    name: 'a read does not look at the checksums',
    faults: ['rot'],
    edits: [{
      file: 'src/chunkserver/store/blocks.ts',
      text: 'if (stored.length < blockBytes || checksumOf(stored) !== expected) throw corrupt(replica.chunk, block)',
      instead: 'if (stored.length < blockBytes) throw corrupt(replica.chunk, block)',
    }],
  },
  {
    name: 'a full disk is not an error',
    faults: ['full'],
    edits: [{
      file: 'src/chunkserver/primary/apply.ts',
      text: 'await health.watch(() => change({ store }, request, used, pieces))',
      instead: 'await health.watch(() => change({ store }, request, used, pieces)).catch(() => {})',
    }],
  },
  // Requests that come twice
  {
    name: 'a repeated request is carried out again',
    faults: ['unanswered'],
    edits: [{
      file: 'src/master/apply.ts',
      text: '  if (bytes === undefined) return undefined\n',
      instead: '  if (bytes !== null) return undefined\n',
    }],
  },
  {
    name: 'a repeated append is made again',
    faults: ['reset', 'cut', 'kill'],
    edits: [{
      file: 'src/chunkserver/primary/commit.ts',
      text: 'lease.running.get(request.commit) ?? chunk.recent.get(request.commit)',
      instead: 'lease.running.get(request.commit)',
    }],
  },
  // Clients
  {
    name: 'a close does not wait for the replicas',
    faults: [],
    edits: [{
      file: 'src/client/contents/contents.ts',
      text: '    if (this.#begun) {\n      await this.#send()\n',
      instead: '    if (this.#begun) {\n      this.hurry()\n',
    }],
  },
  {
    name: 'a close does not tell the master the size',
    faults: [],
    edits: [{
      file: 'src/client/contents/contents.ts',
      text: '    if (this.#begun) {\n      await this.#send()\n      await this.#settle()\n',
      instead: '    if (this.#begun) {\n      await this.#send()\n',
    }],
  },
  {
    name: 'a dead client keeps what it had open',
    faults: ['client'],
    edits: [{
      file: 'src/master/sessions/sessions.ts',
      text: '    if (found.declared) this.#collectUnheld(before)\n',
      instead: '    if (found.declared) this.#collectUnheld([])\n',
    }],
  },
  {
    name: 'what a dead client left behind the end of a file stays',
    faults: ['far'],
    edits: [{
      file: 'src/master/chunks/leftovers.ts',
      text: 'if (last === undefined || !this.#isLonger(last)) return',
      instead: 'if (last !== undefined) return',
    }],
  },
  {
    name: 'an unlinked file goes while somebody has it open',
    faults: [],
    edits: [{
      file: 'src/master/core.ts',
      text: 'effects.orphaned.filter(inode => !this.sessions.mayHold(inode))',
      instead: 'effects.orphaned.filter(inode => inode > 0)',
    }],
  },
]

/** A file with the edit made. @throws Error the text is not there exactly once */
export function edited({ text, instead, file }: Edit, contents: string): string {
  const parts = contents.split(text)
  const [before, behind] = parts
  if (parts.length !== 2 || before === undefined || behind === undefined) {
    throw new Error(`${file}: '${text}' is there ${String(parts.length - 1)} times, and should be once`)
  }
  return before + instead + behind
}
