import { describe, expect, it } from '@jest/globals';
import { atATime, inChunks } from './at-a-time.js';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('tasks', () => {
  it('run so many at a time, and all of them', async () => {
    let underWay = 0;
    const seen: number[] = [];
    const tasks = Array.from({ length: 10 }, () => async (): Promise<void> => {
      underWay += 1;
      seen.push(underWay);
      await turn();
      underWay -= 1;
    });
    await atATime(3, tasks);
    expect(seen).toHaveLength(10);
    expect(Math.max(...seen)).toBe(3);
  });

  it('are not begun after one has failed, and those under way are waited for', async () => {
    const ended: number[] = [];
    const tasks = Array.from({ length: 6 }, (_, n) => async (): Promise<void> => {
      await turn();
      if (n === 0) throw new Error('the first');
      await turn();
      ended.push(n);
    });
    await expect(atATime(2, tasks)).rejects.toThrow('the first');
    expect(ended).toEqual([1]);
  });

  it('of none end at once', async () => {
    await expect(atATime(4, [])).resolves.toBeUndefined();
  });
});

it('cuts a list into chunks, the last of which may be shorter', () => {
  expect(inChunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(inChunks([], 2)).toEqual([]);
});
