import t from 'tap'
import { capacityWithin } from '../../src/chunkserver/capacity.ts'

t.test('without a bound the disk is what there is', async t => {
  t.strictSame(capacityWithin(undefined, { totalBytes: 100, freeBytes: 40 }, 10), { totalBytes: 100, freeBytes: 40 })
})

t.test('a bound leaves the rest of the disk to others', async t => {
  t.strictSame(capacityWithin(50, { totalBytes: 100, freeBytes: 90 }, 10), { totalBytes: 50, freeBytes: 40 })
  t.strictSame(capacityWithin(50, { totalBytes: 100, freeBytes: 30 }, 60), { totalBytes: 50, freeBytes: 0 }, 'never below zero')
})

t.test('what others have filled is not free', async t => {
  t.strictSame(capacityWithin(50, { totalBytes: 100, freeBytes: 5 }, 10), { totalBytes: 50, freeBytes: 5 })
  t.strictSame(capacityWithin(500, { totalBytes: 100, freeBytes: 70 }, 10), { totalBytes: 100, freeBytes: 70 }, 'nor more than the disk')
})
