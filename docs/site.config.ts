import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';

/** The website; `npm run docs:site` copies this beside the pages that it makes of the repository's Markdown. */
const page = (text: string, link: string) => ({ text, link });

const sidebar = [
  {
    text: 'Start',
    items: [
      page('What it is', '/'),
      page('Installation', '/docs/install'),
      page('Tuning: the first day', '/docs/tuning'),
      page('Sizing', '/docs/sizing'),
      page('What it costs', '/docs/performance'),
      page('Kubernetes', '/docs/kubernetes'),
      page('Upgrading', '/docs/upgrade'),
      page('Troubleshooting', '/docs/troubleshooting'),
    ],
  },
  {
    text: 'Use',
    items: [
      page('Command line', '/docs/cli'),
      page('Alerts', '/docs/alerts'),
      page('Rules', '/docs/rules'),
      page('The shipped rules', '/docs/rule-pack'),
      page('How well they judge', '/docs/quality'),
      page('Sigma', '/docs/sigma'),
      page('Falco', '/docs/falco'),
      page('Dashboards', '/grafana/'),
      page('For kube-prometheus', '/prometheus/mixin/'),
      page('Examples', '/examples/'),
      page('Runbooks', '/docs/runbooks/'),
    ],
  },
  {
    text: 'Reference',
    items: [
      page('Configuration', '/docs/config'),
      page('Events and fields', '/docs/events'),
      page('Metrics', '/docs/metrics'),
      page('HTTP', '/docs/http'),
      page('Errors', '/docs/errors'),
      page('Kernels', '/docs/kernels'),
      page('ATT&CK coverage', '/docs/attack-coverage'),
      page('Changes', '/CHANGELOG'),
    ],
  },
  {
    text: 'Understand',
    items: [
      page('Guided tour', '/docs/tour/'),
      page('Comparison', '/docs/comparison'),
      page('Threat model', '/docs/threat-model'),
      page('Security policy', '/SECURITY'),
      page('Architecture', '/ARCHITECTURE'),
      page('Contributing', '/CONTRIBUTING'),
    ],
  },
];

/** A table of so many columns needs the place of the page's outline. */
const WIDE_TABLE = /^\|(?:[^|\n]*\|){7,}$/m;

/** Tables as dense as in the repository; a page without an outline takes the whole width. */
const STYLE = [
  '.vp-doc th, .vp-doc td { padding: 6px 9px; font-size: 13px; line-height: 1.45; vertical-align: top; }',
  '.VPDoc:not(.has-aside) .container, .VPDoc:not(.has-aside) .content,',
  '.VPDoc:not(.has-aside) .content-container { max-width: none !important; }',
].join('\n');

export default defineConfig({
  title: 'bpfwarden',
  description: 'Host security exporter for Linux',
  outDir: '../site',
  cacheDir: '../site-cache',
  head: [['style', {}, STYLE]],
  transformPageData({ relativePath }, { siteConfig: { srcDir } }) {
    const wide = WIDE_TABLE.test(readFileSync(join(srcDir, relativePath), 'utf8'));
    return wide ? { frontmatter: { aside: false } } : undefined;
  },
  markdown: {
    // In the pages <PID> and {{ $labels }} are what they look like.
    html: false,
    languageAlias: { promql: 'bash', logql: 'bash', spec: 'bash' },
    config(md) {
      const render = md.render.bind(md);
      md.render = (...args) => render(...args).replaceAll('{{', '&#123;&#123;');
    },
  },
  themeConfig: {
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    docFooter: { prev: false, next: false },
  },
});
