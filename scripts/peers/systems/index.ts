import type { SystemName } from '../request.ts'
import { dfs } from './dfs.ts'
import { ext4 } from './ext4.ts'
import { glusterfs } from './glusterfs.ts'
import { moosefs, moosefsSynced } from './moosefs.ts'
import type { System } from './system.ts'

export const systems: Readonly<Record<SystemName, System>> = { dfs, moosefs, 'moosefs-synced': moosefsSynced, glusterfs, ext4 }
