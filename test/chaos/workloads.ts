import path from 'node:path'
import type { Cluster } from '../cluster/harness.ts'
import { Ledger } from '../cluster/ledger.ts'
import type { Failure } from './outages.ts'
import { repeatedly, type Repeated } from './repeatedly.ts'

export interface Workload {
  name: string
  ledger?: Ledger
  repeated?: Repeated
}

/** What its programs were told of. */
export function failuresOf({ ledger, repeated }: Workload): readonly Failure[] {
  return ledger?.failures ?? repeated?.failures ?? []
}

/** What people do all day, each verifying itself: writers with a ledger, fio, copies of trees, a storm of names. */
export function everyday(cluster: Cluster, seed: number): Workload[] {
  const { mount } = cluster
  return [
    ...[1, 2].map(number => ledger(cluster, `ledger-${String(number)}`, seed + number)),
    {
      name: 'fio',
      repeated: repeatedly(`mountpoint -q ${mount} && mkdir -p ${mount}/fio`
        + ` && fio --name=chaos --directory=${mount}/fio --rw=randrw --bs=32k --size=8m --fsync=16 --rate=1m --thread --minimal`
        + ' --verify=crc32c --verify_fatal=1 --verify_state_save=0 --allow_file_create=1'
        + ` && rm -rf ${mount}/fio`),
    },
    {
      name: 'cp -a',
      repeated: repeatedly(`mountpoint -q ${mount} && rm -rf ${mount}/copy ${mount}/moved`
        + ` && cp -a src ${mount}/copy && diff -r src ${mount}/copy`
        + ` && mv ${mount}/copy ${mount}/moved && rm -rf ${mount}/moved`),
    },
  ]
}

function ledger({ mount, folder }: Cluster, name: string, seed: number): Workload {
  return { name, ledger: new Ledger(path.join(mount, name), path.join(folder, `${name}.log`), seed) }
}

/** More than the disks can take: 16 writers, 16 readers that verify, and a storm of names. */
export function overload(cluster: Cluster, seed: number): Workload[] {
  const { mount, folder } = cluster
  const each = (name: string, count: number, script: (number: number) => string): Workload[] =>
    Array.from({ length: count }, (_, number) => ({ name: `${name}-${String(number)}`, repeated: repeatedly(script(number)) }))
  return [
    ledger(cluster, 'ledger-1', seed),
    ...each('writer', 16, number =>
      `dd if=/dev/zero of=${mount}/w-${String(number)} bs=1M count=16 conv=fsync status=none`),
    ...each('reader', 16, number => {
      const [file, sum] = [`${mount}/r-${String(number)}`, `${folder}/r-${String(number)}.sha256`]
      return `[ -e ${sum} ] || { head -c 8000000 /dev/urandom > ${file}; sha256sum < ${file} > ${sum}; };`
        // Not what the kernel still has of it.
        + ` dd if=${file} iflag=nocache count=0 status=none && sha256sum < ${file} | cmp - ${sum}`
    }),
    ...each('names', 2, number => {
      const names = `${mount}/n-${String(number)}`
      return `mkdir -p ${names} && for i in $(seq 200); do echo $i > ${names}/$i; done && rm -r ${names}`
    }),
  ]
}
