import type { InodeId, ServerId, SessionId } from '../../protocol/identifiers.ts'
import { ChunkTable } from './chunks.ts'
import { readCounters, type Counters } from './counters.ts'
import { Extras } from './extras.ts'
import { IdSet } from './id-set.ts'
import { InodeTable } from './inodes.ts'
import { Table, tableKey } from './keys.ts'
import { NameTable } from './names.ts'
import { Remembered } from './remembered.ts'
import type { Store } from './store.ts'
import { TailCuts } from './tail-cuts.ts'
import { TrashTable } from './trash.ts'

/** All that the state consists of. */
export interface Tables {
  readonly inodes: InodeTable
  readonly chunks: ChunkTable
  readonly names: NameTable
  readonly extras: Extras
  readonly trash: TrashTable
  readonly tailCuts: TailCuts
  readonly remembered: Remembered
  readonly orphans: IdSet<InodeId>
  readonly sessions: IdSet<SessionId>
  readonly draining: IdSet<ServerId>
  readonly unwritten: IdSet<InodeId>
  readonly counters: Counters
}

export function openTables(store: Store): Tables {
  return {
    inodes: new InodeTable(store),
    chunks: new ChunkTable(store),
    names: new NameTable(store),
    extras: new Extras(store),
    trash: new TrashTable(store),
    tailCuts: new TailCuts(store),
    remembered: new Remembered(store),
    orphans: new IdSet(store, Table.orphan),
    sessions: new IdSet(store, Table.session),
    draining: new IdSet(store, Table.draining),
    unwritten: new IdSet(store, Table.unwritten),
    counters: readCounters(store.get(tableKey(Table.counters))),
  }
}
