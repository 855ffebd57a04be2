/** One way to break the product: an exact text of one file, which must be there once, and what stands there instead. */
export interface Mutant {
  name: string
  file: string
  text: string
  instead: string
}

/** Each breaks one thing that keeps a promise; the simulation must notice all of them. */
export const mutants: readonly Mutant[] = [
  {
    name: 'an fsync does not reach the disks of the replicas',
    file: 'src/chunkserver/primary/sync.ts',
    text: 'await health.watch(() => replica.sync())',
    instead: 'await health.watch(() => Promise.resolve())',
  },
  {
    name: 'the journal is not synced before an answer',
    file: 'src/master/journal/file-journal.ts',
    text: 'await this.#file.write(record, this.#endBytes)\n      await this.#file.sync()',
    instead: 'await this.#file.write(record, this.#endBytes)',
  },
  {
    name: 'a commit is answered before the secondaries have applied it',
    file: 'src/chunkserver/primary/commit.ts',
    text: '({ server: peer.server, done: replicate(parts, peer, request, bytes.data) })',
    instead: '{\n      replicate(parts, peer, request, Buffer.from(bytes.data)).catch(() => {})\n'
      + '      return { server: peer.server, done: Promise.resolve() }\n    }',
  },
  {
    name: 'a replica of an older version counts as current',
    file: 'src/master/chunks/agree.ts',
    text: 'return replica.version >= record.version && replica.state !== \'corrupt\'',
    instead: 'return replica.state !== \'corrupt\' || record.version < 0',
  },
  {
    name: 'a fence does not raise the recorded version',
    file: 'src/master/chunks/agree.ts',
    text: '    await table.setVersion(chunk, version)\n',
    instead: '',
  },
  {
    name: 'a fenced replica still takes mutations of the version before',
    file: 'src/chunkserver/control/fence.ts',
    text: '  const ended = chunk.endOrder()\n',
    instead: '  const ended = Promise.resolve()\n',
  },
  {
    name: 'a chunk is copied while a lease of it runs',
    file: 'src/master/chunks/quiet.ts',
    text: '  if (lease === undefined && leasesAreKnown) return true\n',
    instead: '  if (lease === undefined || leasesAreKnown) return true\n',
  },
  {
    name: 'survivors are not made alike',
    file: 'src/master/chunks/agree.ts',
    text: 'areAlike(members) ? [] : await reconcile(',
    instead: 'areAlike(members) || members.length > 0 ? [] : await reconcile(',
  },
  {
    name: 'a repeated request is carried out again',
    file: 'src/master/core.ts',
    text: 'const before = rememberedOutcome(this.state, stamp)\n',
    instead: 'const before = this.#over === undefined ? undefined : rememberedOutcome(this.state, stamp)\n',
  },
  {
    name: 'a repeated commit is applied again',
    file: 'src/chunkserver/primary/commit.ts',
    text: 'lease.running.get(request.commit) ?? chunk.recent.get(request.commit)',
    instead: 'lease.running.get(request.commit)',
  },
  {
    name: 'stale replicas go although no good one is left',
    file: 'src/master/chunks/need.ts',
    text: '...(sure >= Math.min(GOOD_BEFORE_STALE_GO, wanted)\n      ? alive.filter(replica => replica.version < version && replica.state !== \'corrupt\')',
    instead: '...(sure < Math.min(GOOD_BEFORE_STALE_GO, wanted)\n      ? alive.filter(replica => replica.state !== \'corrupt\')',
  },
  {
    name: 'mutations are applied in the order of their arrival',
    file: 'src/chunkserver/primary/in-order.ts',
    text: 'if (number === this.#next && this.#running === undefined) return this.#start(work)',
    instead: 'if (this.#running === undefined) return this.#start(work)',
  },
  {
    name: 'a full disk is not an error',
    file: 'src/chunkserver/primary/apply.ts',
    text: 'await health.watch(() => replica.apply(request.mutation, used.length === 0 ? [] : [used], pieces))',
    instead: 'await health.watch(() => replica.apply(request.mutation, used.length === 0 ? [] : [used], pieces)).catch(() => {})',
  },
  {
    name: 'recovery skips the last record of the journal',
    file: 'src/master/journal/file-journal.ts',
    text: '    visit(record.firstIndex, record.entries)\n',
    instead: '    if (record.end < segment.length) visit(record.firstIndex, record.entries)\n',
  },
  {
    name: 'a replica whose disk failed to sync is trusted again',
    file: 'src/chunkserver/store/replica.ts',
    text: '    } catch (error) {\n      this.#markCorrupt(files, error)\n      throw error\n    }\n  }\n\n  #markCorrupt',
    instead: '    } catch (error) {\n      if (files.table === undefined) this.#markCorrupt(files, error)\n      throw error\n    }\n  }\n\n  #markCorrupt',
  },
  {
    name: 'a replica that a power cut made doubtful counts as good',
    file: 'src/master/chunks/agree.ts',
    text: 'const good = fenced.filter(({ state }) => state === \'good\')',
    instead: 'const good = [...fenced]',
  },
  {
    name: 'a dead client keeps what it had open',
    file: 'src/master/sessions/sessions.ts',
    text: '    if (found.declared) this.#collectUnheld(before)\n',
    instead: '    if (found.declared) this.#collectUnheld([])\n',
  },
  {
    name: 'an unlinked file goes while somebody has it open',
    file: 'src/master/core.ts',
    text: 'effects.orphaned.filter(inode => !this.sessions.mayHold(inode))',
    instead: 'effects.orphaned.filter(inode => inode > 0)',
  },
  {
    name: 'the journal is forgotten before the checkpoint is made',
    file: 'src/master/core.ts',
    text: '      await this.#files.checkpoint(index)\n      await this.#journal.forgetBefore(index + 1)\n',
    instead: '      await this.#journal.forgetBefore(index + 1)\n      await this.#files.checkpoint(index)\n',
  },
]

/** A file with the mutation made. @throws Error the text is not there exactly once */
export function mutate({ name, text, instead, file }: Mutant, contents: string): string {
  const parts = contents.split(text)
  const [before, behind] = parts
  if (parts.length !== 2 || before === undefined || behind === undefined) {
    throw new Error(`'${name}': its text is ${String(parts.length - 1)} times in ${file}, and should be there once`)
  }
  return before + instead + behind
}
