import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { read } from './compose-file.js';
import { ROOT } from './tools.js';

const dockerfile = read('Dockerfile');
const lines = dockerfile.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const finalStage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM')));

it('runs as a user without rights', () => {
  expect(finalStage.filter((line) => line.startsWith('USER'))).toEqual(['USER node']);
});

it('pins what it is made of', () => {
  const [from] = lines;
  expect(from).toMatch(/^FROM node:20\.\d+\.\d+-[a-z]+-slim AS base$/);
});

it('says nothing of where data is, so that it serves with each kind of store', () => {
  expect(dockerfile).not.toMatch(/SCRIP_(DATA|EVENT_STORE|VIEW_STORE|ROLE)/);
});

it('tells whether the ledger is ready', () => {
  expect(finalStage.join('\n')).toMatch(/HEALTHCHECK [^]*\/health\/ready/);
});

it('copies only what is there, and what .dockerignore lets through', () => {
  const lets = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const sources = lines
    .filter((line) => /^COPY (?!--from)/.test(line))
    .flatMap((line) => line.split(' ').slice(1, -1));
  expect(sources.filter((source) => !lets.includes(source))).toEqual([]);
  expect(lets.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
