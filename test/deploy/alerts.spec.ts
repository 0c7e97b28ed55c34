import { describe, expect, it } from '@jest/globals';
import type { Execution } from '@scrip/kernel';
import { Metrics, problems } from '@scrip/runtime';
import { parse } from 'yaml';
import { composeFile, read } from './compose-file.js';
import { isBuilt, run } from './tools.js';

type Rule = Readonly<{ alert: string; expr: string; labels: Readonly<{ severity: string }> }>;
type Rules = Readonly<{ groups: readonly Readonly<{ rules: readonly Rule[] }>[] }>;
type Scrape = Readonly<{
  scrape_configs: readonly Readonly<{
    dns_sd_configs: readonly Readonly<{ names: readonly string[]; port: number }>[];
  }>[];
}>;

const rules = (parse(read('deploy/alerts.yml')) as Rules).groups.flatMap((group) => group.rules);

/** Names of metrics in what PromQL reads, without what a histogram adds. */
const metricsIn = (expr: string): readonly string[] =>
  [...expr.matchAll(/\bscrip_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));

const measured = (): readonly string[] => {
  const metrics = new Metrics();
  const load = { underWay: 0, cachedStreams: 0, cachedItems: 0 };
  metrics.watch({ load } as unknown as Execution);
  return metrics.registry.getMetricsAsArray().map(({ name }) => name);
};

describe('the alerts', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s looks at what is measured',
    (_, rule) => {
      const names = measured();
      const used = metricsIn(rule.expr);
      expect(used.length > 0 || /\bup\{job="scrip"\}/.test(rule.expr)).toBe(true);
      expect(used.filter((name) => !names.includes(name))).toEqual([]);
      expect(rule.labels.severity).toMatch(/^(page|warn)$/);
    },
  );

  it('name codes that the ledger answers with', () => {
    const codes = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/code="(\w+)"/g)].map(([, code]) => code),
    );
    expect(codes).toEqual(expect.arrayContaining(['STORE_UNAVAILABLE', 'OVERLOADED', 'CONFLICT']));
    expect(codes.filter((code) => code === undefined || !(code in problems))).toEqual([]);
  });

  it('see each process of the ledger that the compose file has', () => {
    const { scrape_configs } = parse(read('deploy/prometheus.yml')) as Scrape;
    const names = scrape_configs.flatMap((job) => job.dns_sd_configs.flatMap((dns) => dns.names));
    const ledgers = Object.entries(composeFile.services)
      .filter(([, service]) => service.image === 'scrip-ledger:built' && service.restart !== 'no')
      .map(([name]) => name);
    expect([...names].sort()).toEqual(ledgers.sort());
  });
});

const withPromtool = isBuilt('promtool') ? describe : describe.skip;

withPromtool('promtool', () => {
  it('takes the settings and the alerts', () => {
    expect(run('promtool', ['check', 'config', 'deploy/prometheus.yml'])).toMatchObject({
      status: 0,
    });
  });

  it('sees them fire when they should, and not before', () => {
    const { status, stdout, stderr } = run('promtool', [
      'test',
      'rules',
      'test/deploy/alerts.test.yml',
    ]);
    expect(`${stdout}${stderr}`).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
