import { proveBooks, readBooks, readUsage, sumOfBooks } from '@scrip/accounts';
import { monthOf } from '@scrip/kernel';
import { Ledger } from '@scrip/runtime';
import { Controller, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../edge/admission.js';
import { Route } from '../edge/route.js';
import { numberOf } from '../edge/shown.js';
import { BooksQuery, UsageQuery } from './account.queries.js';
import { reached } from './reads.js';
import { BooksAnswer, UsageAnswer } from './tenant.answers.js';

const SERVICES_DEFAULT = 100;

const about = {
  tag: 'Books',
  scope: 'read',
  tenantWide: true,
  codes: ['POSITION_NOT_WRITTEN', 'VIEW_BEHIND', 'VIEW_UNAVAILABLE', 'STORE_UNAVAILABLE'],
} as const;

/** What concerns all accounts of a tenant. */
@Controller()
export class TenantReadsController {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  @Route('GET', '/v1/books', {
    ...about,
    summary: 'Read the double-entry books: what was issued, and where it is now',
    query: BooksQuery,
    answer: BooksAnswer,
  })
  async books(@Req() request: FastifyRequest, @Query() query: BooksQuery): Promise<BooksAnswer> {
    await reached(this.#ledger, query);
    const { views } = this.#ledger;
    const { tenant } = principalOf(request);
    const position = await views.position('accounts');
    const proof = query.prove === true ? await proveBooks(views, tenant) : undefined;
    const books = proof?.books ?? (await readBooks(views, tenant));
    return {
      success: true,
      postings: books.postings,
      accounts: inNumbers(books),
      sum: numberOf(sumOfBooks(books)),
      position,
      ...(proof === undefined
        ? {}
        : {
            proof: {
              proved: proof.proved,
              accounts: proof.sums.accounts,
              differences: inNumbers(proof.differences),
            },
          }),
    };
  }

  @Route('GET', '/v1/usage', {
    ...about,
    summary: 'List the services that used most in a month',
    query: UsageQuery,
    answer: UsageAnswer,
    codes: [...about.codes, 'LIST_TOO_LONG'],
  })
  async usage(@Req() request: FastifyRequest, @Query() query: UsageQuery): Promise<UsageAnswer> {
    await reached(this.#ledger, query);
    const { views, clock } = this.#ledger;
    const { month = monthOf(clock.now(), 'UTC').name, limit = SERVICES_DEFAULT } = query;
    const { tenant } = principalOf(request);
    const services = await readUsage(views, { tenant }, month, limit);
    return {
      success: true,
      month,
      services: services.map(({ service, credits, refunded, count }) => ({
        service,
        credits: numberOf(credits - refunded),
        refunded: numberOf(refunded),
        count,
      })),
    };
  }
}

/** The amounts among named values, as numbers. */
const inNumbers = (named: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(named).flatMap(([name, value]) =>
      typeof value === 'bigint' ? [[name, numberOf(value)]] : [],
    ),
  );
