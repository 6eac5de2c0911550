// To the clipboard, also where a page without TLS may not write to it directly.
import { useEffect, useState } from 'react';

export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = Object.assign(document.createElement('textarea'), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** Copies, and says so for a moment. */
export function useCopied() {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  return [copied, (text) => copy(text).then(() => setCopied(true))];
}

export function CopyButton({ text, label }) {
  const [copied, run] = useCopied();
  return (
    <button type="button" className="backref-copy" onClick={() => run(text)}>
      {copied ? 'Copied' : label}
    </button>
  );
}
