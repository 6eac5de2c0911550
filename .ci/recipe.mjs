// Does what the README says under "Your own entities", to the letter, in the workspace that it is started in:
// writes the files whose text it shows, and adds each line to the file that it names.
import { readFileSync, writeFileSync } from 'node:fs';

const readme = readFileSync('README.md', 'utf8');
const section = readme.split('\n## ').find((part) => part.startsWith('Your own entities'));
const steps = section.split(/\n(?=\d\. )/).slice(1);

for (const step of steps) {
  const shown = step.match(/`([\w/]+\.rs)`[\s\S]*?\n\n   ```rust\n([\s\S]*?)\n   ```/);
  if (shown) {
    const [, path, text] = shown;
    writeFileSync(path, `${text.replace(/^   /gm, '')}\n`);
    console.log(`wrote ${path}`);
  }
  const rest = shown ? step.replace(shown[0], '') : step;
  const lines = rest.match(/lines? in `([\w/]+\.rs)`([\s\S]*?)(?:\n\n|$)/);
  for (const [, line] of lines ? lines[2].matchAll(/`([^`]+)`/g) : []) {
    add(lines[1], line);
    console.log(`added ${line} to ${lines[1]}`);
  }
}

// After the last line of its kind, as far in as that one.
function add(path, line) {
  const kind = line.match(/^(pub mod |mod |Box::new\(|\.entity\()/)[0];
  const lines = readFileSync(path, 'utf8').split('\n');
  const last = lines.findLastIndex((l) => l.trimStart().startsWith(kind));
  const indent = lines[last].match(/^ */)[0];
  lines.splice(last + 1, 0, indent + line);
  writeFileSync(path, lines.join('\n'));
}
