// Signing in: by name and password where the graph has `signIn`, or by a token from elsewhere.
import { useRef, useState, useSyncExternalStore } from 'react';
import { ToolbarButton, useGraphiQL } from '@graphiql/react';
import { send } from './server.js';
import { who } from './who.js';

const SIGN_IN = 'mutation SignIn($username: String!, $password: String!) { signIn(username: $username, password: $password) { token } }';

export function SignIn() {
  const { token, name } = useSyncExternalStore(who.subscribe, who.now);
  const hasPasswords = useGraphiQL(({ schema }) => schema?.getMutationType()?.getFields().signIn !== undefined);
  const dialog = useRef(null);
  const label = token ? `Signed in${name ? ` as ${name}` : ' by a token'}; sign out or change` : 'Sign in, for all tabs';
  return (
    <>
      <ToolbarButton label={label} onClick={() => dialog.current.showModal()}>
        <svg viewBox="0 0 24 24" className="graphiql-toolbar-icon" aria-hidden="true">
          <path
            d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20a7.5 7.5 0 0 1 15 0"
            fill={token ? 'currentColor' : 'none'}
            stroke="currentColor"
            strokeWidth="1.5"
          />
        </svg>
      </ToolbarButton>
      <dialog ref={dialog} className="backref-sign-in" aria-label="Who asks">
        <Form hasPasswords={hasPasswords} token={token} name={name} close={() => dialog.current.close()} />
      </dialog>
    </>
  );
}

function Form({ hasPasswords, token, name, close }) {
  const [problem, setProblem] = useState(null);
  const [keep, setKeep] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { username, password, pasted } = Object.fromEntries(new FormData(form));
    const found = await (pasted ? believed(pasted) : signedIn(username, password));
    if (found.problem) {
      setProblem(found.problem);
      return;
    }
    who.is(found.token, found.name, keep);
    setProblem(null);
    form.reset();
    close();
  };
  const signOut = () => {
    who.is(null);
    close();
  };
  return (
    <form onSubmit={submit}>
      <p>{token ? `Signed in${name ? ` as ${name}` : ' by a token'}.` : 'Nobody is signed in: the answers are what anybody may see.'}</p>
      {hasPasswords && (
        <>
          <label>
            Username <input name="username" autoComplete="username" spellCheck="false" />
          </label>
          <label>
            Password <input name="password" type="password" autoComplete="current-password" />
          </label>
        </>
      )}
      <label>
        {hasPasswords ? 'Or a token' : 'A token'} <textarea name="pasted" rows="3" spellCheck="false" autoComplete="off" />
      </label>
      <label className="backref-keep">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} /> Keep it in this browser
      </label>
      {problem && <p role="alert">{problem}</p>}
      <menu>
        {token && (
          <button type="button" className="graphiql-un-styled" onClick={signOut}>
            Sign out
          </button>
        )}
        <button type="button" className="graphiql-un-styled" onClick={close}>
          Cancel
        </button>
        <button type="submit" className="graphiql-un-styled backref-first">
          Sign in
        </button>
      </menu>
    </form>
  );
}

async function signedIn(username, password) {
  const answer = await send({ query: SIGN_IN, variables: { username: username ?? '', password: password ?? '' } });
  const token = answer.data?.signIn?.token;
  return token ? { token, name: username } : { problem: answer.errors?.[0]?.message ?? 'the server gave no token' };
}

/** Whether the server believes a token is asked before every request shows it. */
async function believed(pasted) {
  const token = pasted.trim().replace(/^Bearer\s+/i, '');
  const answer = await send({ query: '{ __typename }' }, { authorization: `Bearer ${token}` });
  return answer.data ? { token } : { problem: answer.errors?.[0]?.message ?? 'the server does not believe this token' };
}
