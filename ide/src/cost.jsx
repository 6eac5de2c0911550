// What a query costs: its plan before it runs, and what it did cost once it has.
import { Fragment, useEffect, useState, useSyncExternalStore } from 'react';
import { useGraphiQL } from '@graphiql/react';
import { CopyButton } from './copy.jsx';
import { runs } from './runs.js';
import { planOf } from './server.js';
import { storage } from './storage.js';
import { parsed } from './variables.js';
import { who } from './who.js';

const OPEN = 'graphiql:backref:cost';
const number = new Intl.NumberFormat('en');
const count = (n, one) => `${number.format(n)} ${one}${n === 1 ? '' : 's'}`;

export function Cost({ lacks }) {
  const { tab, operationName } = useGraphiQL(({ tabs, activeTabIndex, operationName }) => ({
    tab: tabs[activeTabIndex],
    operationName,
  }));
  const asked = { query: tab.query ?? '', variables: parsed(tab.variables), operationName: operationName ?? undefined };
  const run = useSyncExternalStore(runs.subscribe, () => runs.of(tab.id));
  // What ran stays in sight until something else is written.
  const ran = run && same(run.params, asked) ? run : undefined;
  const planned = usePlan(asked, ran !== undefined);
  const [open, setOpen] = useState(storage.getItem(OPEN) !== 'closed');
  const toggle = () => {
    storage.setItem(OPEN, open ? 'closed' : 'open');
    setOpen(!open);
  };
  const plan = ran ? ran.plan : planned.plan;
  return (
    <section className="backref-cost" aria-label="What the query costs">
      <button type="button" className="backref-cost-head" aria-expanded={open} onClick={toggle}>
        <strong>Cost</strong> · <Summary plan={plan} cost={ran?.cost} errors={planned.errors} />
      </button>
      {open && (plan || ran?.cost) && <Tree plan={plan} cost={ran?.cost} lacks={lacks} />}
    </section>
  );
}

/** The plan of what stands in the editor, a moment after it was written. */
function usePlan(asked, isKnown) {
  const { token } = useSyncExternalStore(who.subscribe, who.now);
  const key = JSON.stringify([asked, token]);
  const [planned, setPlanned] = useState({});
  const isBlank = asked.query.trim() === '';
  useEffect(() => {
    if (isBlank) setPlanned({});
    if (isKnown || isBlank || asked.variables === null) return undefined;
    const ended = new AbortController();
    const timer = setTimeout(async () => {
      const found = await planOf(asked, { signal: ended.signal });
      if (!ended.signal.aborted) setPlanned({ ...found, key });
    }, 250);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [key, isKnown]);
  // Until there is another, the last plan stays in sight; what was wrong with another text does not.
  return planned.key === key ? planned : { plan: planned.plan };
}

function same(params, asked) {
  const plain = ({ query, variables, operationName }) =>
    JSON.stringify([query.trim(), variables ?? {}, operationName ?? null]);
  return plain(params) === plain(asked);
}

function Summary({ plan, cost, errors }) {
  if (cost) {
    const rows = cost.statements.reduce((sum, s) => sum + s.rows, 0);
    const ms = cost.statements.reduce((sum, s) => sum + s.ms, 0);
    return (
      <span data-ran>
        <b>{count(cost.statements.length, 'statement')}</b> of at most {number.format(cost.bound.statements)},{' '}
        <b>{count(rows, 'row')}</b> of at most {number.format(cost.bound.rows)}, <b>{ms.toFixed(2)} ms</b> in the database
      </span>
    );
  }
  if (errors && !plan) return <span className="backref-quiet">{errors[0].message}</span>;
  if (!plan) return <span className="backref-quiet">no plan yet</span>;
  const { bound, limits } = plan;
  return (
    <span data-planned>
      at most <b>{count(bound.statements, 'statement')}</b> and <b>{count(bound.rows, 'row')}</b>
      <span className="backref-quiet">
        {' '}
        · {number.format(limits.statements)} and {number.format(limits.rows)} are allowed
      </span>
    </span>
  );
}

/** The fields that give rows, with the statement of each. */
function Tree({ plan, cost, lacks }) {
  const [shown, setShown] = useState(null);
  const rows = plan ? flat(plan.fields, cost) : (cost?.statements ?? []).map((s) => ({ depth: 0, name: s.path, path: s.path, ran: s }));
  if (rows.length === 0) return <p className="backref-quiet">Nothing is read from the database.</p>;
  const slowest = Math.max(...rows.map((r) => r.ran?.ms ?? 0));
  return (
    <div className="backref-cost-tree">
      <table>
        <thead>
          <tr>
            <th scope="col">field</th>
            <th scope="col">keys</th>
            <th scope="col">rows</th>
            <th scope="col">ms</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => {
            const sql = row.ran?.sql ?? row.sql;
            const lacking = sql ? lacks.filter((lack) => lack.fields.includes(row.field)) : [];
            return (
              <Fragment key={i}>
                <tr data-path={row.path} data-statement={sql ? '' : undefined} className={row.ran?.error ? 'backref-failed' : undefined}>
                  <th scope="row" style={{ paddingInlineStart: `${row.depth * 1.1 + 0.5}rem` }}>
                    {sql ? (
                      <button type="button" aria-expanded={shown === i} title="Show its SQL" onClick={() => setShown(shown === i ? null : i)}>
                        {row.name}
                      </button>
                    ) : (
                      <span>{row.name}</span>
                    )}
                    <span className="backref-quiet">
                      {row.type && `: ${row.type}`}
                      {row.reads && `, ${row.reads}`}
                      {row.with && `, loaded with ${row.with}`}
                      {row.rowOf && `, the row of ${row.rowOf} that it stands below`}
                      {row.ran?.error && `, ${row.ran.error}`}
                    </span>
                    {lacking.map((lack) => (
                      <p key={lack.says} className="backref-lack">
                        <CopyButton text={lack.mendedBy.join('\n')} label="Copy what mends it" />
                        {lack.says}
                      </p>
                    ))}
                  </th>
                  <td>{row.ran && row.ran.keys > 0 ? number.format(row.ran.keys) : ''}</td>
                  <td>
                    {row.ran && <Bar part={row.most ? row.ran.rows / row.most : 0} />}
                    {row.ran && <b>{number.format(row.ran.rows)}</b>}
                    {row.most !== undefined && <span className="backref-quiet"> ≤ {number.format(row.most)}</span>}
                  </td>
                  <td>
                    {row.ran && <Bar part={slowest > 0 ? row.ran.ms / slowest : 0} />}
                    {row.ran && row.ran.ms.toFixed(2)}
                  </td>
                </tr>
                {shown === i && sql && (
                  <tr className="backref-sql">
                    <td colSpan={4}>
                      <CopyButton text={sql} label="Copy SQL" />
                      <pre>{sql}</pre>
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Bar({ part }) {
  return <span className="backref-bar" style={{ inlineSize: `${Math.min(1, part) * 100}%` }} />;
}

/** The tree line by line, each with the statement that ran for it. */
function flat(fields, cost, depth = 0) {
  return fields.flatMap(({ below, ...field }) => {
    const ran = field.sql && cost?.statements.find((s) => s.path === field.path);
    return [{ ...field, depth, ran: ran || undefined }, ...flat(below, cost, depth + 1)];
  });
}
