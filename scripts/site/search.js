/** The search of the site: loads its index when somebody begins to type, and lists the sections that have the words. */
(() => {
  const MOST = 12;
  const input = document.querySelector('input[type=search]');
  const list = document.querySelector('.found');
  let index;
  input.disabled = false;

  /** search-index.js calls this. */
  window.searchIndex = (loaded) => {
    index = {...loaded, names: Object.keys(loaded.words)};
    show();
  };

  function load() {
    if (document.querySelector('script[src="search-index.js"]')) return;
    const script = document.createElement('script');
    script.src = 'search-index.js';
    document.head.append(script);
  }

  /** Sections that have all words, or words that begin so; a word in a heading counts more than one in the text. */
  function find(text) {
    const wanted = text.toLowerCase().match(/[a-z0-9_]+(?:[-.:][a-z0-9_]+)*/g) ?? [];
    let scores;
    for (const word of wanted) {
      const found = new Map();
      for (const name of index.names) {
        if (!name.startsWith(word)) continue;
        for (const at of index.words[name]) {
          const [, page, heading] = index.sections[at];
          const isNamed = `${page} ${heading}`.toLowerCase().includes(word);
          const score = (name === word ? 2 : 1) + (isNamed ? 4 : 0) + (heading === '' && isNamed ? 2 : 0);
          found.set(at, Math.max(found.get(at) ?? 0, score));
        }
      }
      if (scores) for (const [at, score] of scores) found.has(at) && found.set(at, found.get(at) + score);
      const before = scores;
      scores = before ? new Map([...found].filter(([at]) => before.has(at))) : found;
    }
    return [...(scores ?? [])]
      .sort(([a, x], [b, y]) => y - x || a - b)
      .slice(0, MOST)
      .map(([at]) => index.sections[at]);
  }

  function show() {
    if (!index) return;
    const items = find(input.value).map(([href, page, heading]) => {
      const [item, link, small] = ['li', 'a', 'small'].map((name) => document.createElement(name));
      link.href = href;
      link.textContent = heading || page;
      small.textContent = heading ? page : '';
      link.append(small);
      item.append(link);
      return item;
    });
    if (items.length === 0 && input.value.trim() !== '') {
      items.push(document.createElement('li'));
      items[0].textContent = 'Nothing has these words.';
    }
    list.replaceChildren(...items);
    list.hidden = items.length === 0;
  }

  input.addEventListener('focus', load);
  input.addEventListener('input', show);
  input.form.addEventListener('submit', (event) => {
    event.preventDefault();
    list.querySelector('a')?.click();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') list.hidden = true;
    if (event.key !== '/' || event.target === input) return;
    event.preventDefault();
    input.focus();
  });
  document.addEventListener('click', (event) => {
    if (!input.form.contains(event.target)) list.hidden = true;
  });
})();
