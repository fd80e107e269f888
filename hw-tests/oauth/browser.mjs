// A browser with a person in front of it: follows redirects, keeps cookies, sends forms off as they are.
// `node browser.mjs ADDRESS [CODE]`; the code goes into the field `user_code`.
const [, , start, code] = process.argv;
const jars = new Map();

async function visit(address, body) {
  const url = new URL(address);
  const jar = jars.get(url.host) ?? new Map();
  jars.set(url.host, jar);
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, redirect: 'manual', headers: cookie ? { cookie } : {} });
  for (const line of answer.headers.getSetCookie()) {
    const [name, value] = line.split(';', 1)[0].split(/=(.*)/s);
    jar.set(name, value);
  }
  const location = answer.headers.get('location');
  return location ? visit(new URL(location, url)) : { url, text: await answer.text(), status: answer.status };
}

const attribute = (tag, name) => tag.match(new RegExp(`${name}="([^"]*)"`))?.[1];
let page = await visit(start);
for (let sent = 0; sent < 5; sent += 1) {
  const form = page.text.match(/<form[^>]*method="post"[^>]*>[\s\S]*?<\/form>/i)?.[0];
  if (!form) break;
  const fields = new URLSearchParams();
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const name = attribute(input, 'name');
    if (name) fields.set(name, name === 'user_code' && code ? code : (attribute(input, 'value') ?? ''));
  }
  page = await visit(new URL(attribute(form, 'action'), page.url), fields);
}
if (page.status >= 400) {
  console.error(page.url.href, page.status, page.text);
  process.exit(1);
}
