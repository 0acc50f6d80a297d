'use strict';
// ES2017 at most, because web views on phones are old. The fragment #run starts a run at once;
// #run&timeout=MS also sets the time-out of an attempt.
(() => {
  const ATTEMPTS = 4; // the first, shown separately, and three for the median
  const HOPELESS = 2; // failures after which an endpoint that never opened is skipped
  const AT_ONCE = 4; // data centres measured concurrently; within one, attempts are sequential
  const PAUSE = 100; // ms between two attempts
  const CLEARLY = { ratio: 1.1, ms: 5, samples: 3 };

  const byId = id => document.getElementById(id);
  const data = JSON.parse(byId('endpoints').textContent);
  const given = /[#&]timeout=(\d{2,5})(&|$)/.exec(location.hash);
  const TIMEOUT = given ? Number(given[1]) : 10000;

  const regions = [];
  for (const group of data.groups) {
    group.endpoints.forEach(one => {
      one.rest = group.service === 'rest';
      one.tries = [];
    });
    const region = regions.find(other => other.id === group.region);
    if (region) region.groups.push(group);
    else regions.push({ id: group.region, en: group.region_en, zh: group.region_zh, groups: [group] });
  }

  // ---- Both languages

  const text = (en, zh) => ({ en, zh });
  const language = () => (document.documentElement.className === 'zh' ? 'zh' : 'en');
  const join = (texts, en, zh) =>
    text(texts.map(one => one.en).join(en), texts.map(one => one.zh).join(zh === undefined ? en : zh));

  /** An element with its text in both languages; the style sheet shows one of them. */
  const say = (tag, said, style) => {
    const element = document.createElement(tag);
    if (style) element.className = style;
    for (const lang of ['en', 'zh']) {
      const span = document.createElement('span');
      span.lang = lang;
      span.textContent = said[lang];
      element.appendChild(span);
    }
    return element;
  };
  const put = (element, ...children) => {
    element.textContent = '';
    children.forEach(child => element.appendChild(child));
    return element;
  };

  // ---- One attempt

  const now = () => performance.now();
  const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
  const ifOnline = failure => (navigator.onLine === false ? { failure: 'offline' } : failure);

  /** Opens a WebSocket and closes it again. Never rejects. */
  const openWebSocket = (url, subprotocol, run) =>
    new Promise(resolve => {
      const began = now();
      let socket = null;
      let timer = 0;
      const end = result => {
        const ms = now() - began;
        run.cancel.delete(cancel);
        clearTimeout(timer);
        if (socket) {
          socket.onopen = socket.onerror = socket.onclose = null;
          socket.close();
        }
        resolve(Object.assign({ ms }, result));
      };
      const cancel = () => end({ failure: 'stopped' });
      run.cancel.add(cancel);
      timer = setTimeout(() => end(ifOnline({ failure: 'timeout' })), TIMEOUT);
      try {
        socket = subprotocol ? new WebSocket(url, subprotocol) : new WebSocket(url);
      } catch (error) {
        end({ failure: 'blocked', name: String(error.name) });
        return;
      }
      socket.onopen = () => end({});
      // The close event follows with the code; some web views never send it.
      socket.onerror = () => {
        clearTimeout(timer);
        timer = setTimeout(() => end(ifOnline({ failure: 'closed', code: null })), 500);
      };
      socket.onclose = event => end(ifOnline({ failure: 'closed', code: event.code }));
    });

  // A redirect to another host counts as an answer; the page's policy keeps the browser from following it.
  const redirected = new Set();
  const origin = url => (/^https:\/\/[^/?#]*/.exec(url) || [''])[0];
  document.addEventListener('securitypolicyviolation', event => redirected.add(origin(event.blockedURI)));

  /** Sends a GET and waits for the headers of any response. Never rejects. */
  const reach = (url, run) =>
    new Promise(resolve => {
      const began = now();
      const aborter = typeof AbortController === 'function' ? new AbortController() : null;
      let timer = 0;
      const end = (result, ms) => {
        run.cancel.delete(cancel);
        clearTimeout(timer);
        resolve(Object.assign({ ms: ms === undefined ? now() - began : ms }, result));
      };
      const cancel = () => {
        end({ failure: 'stopped' });
        if (aborter) aborter.abort();
      };
      run.cancel.add(cancel);
      timer = setTimeout(() => {
        end(ifOnline({ failure: 'timeout' }));
        if (aborter) aborter.abort();
      }, TIMEOUT);
      const options = {
        mode: 'no-cors', cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer',
      };
      if (aborter) options.signal = aborter.signal;
      redirected.delete(origin(url));
      fetch(url, options).then(
        () => end({}),
        () => {
          const ms = now() - began;
          // The event that reports a redirect may arrive after the rejection.
          setTimeout(() => end(redirected.has(origin(url)) ? { redirected: true } : ifOnline({ failure: 'closed', code: null }), ms), 50);
        }
      );
    });

  /**
   * One attempt at an endpoint. If it fails, the alternate paths are tried once, too, because a page can't see
   * why an attempt failed.
   */
  const attempt = async (endpoint, run) => {
    if (endpoint.rest) return reach(endpoint.url, run);
    const url = endpoint.other || endpoint.url;
    const result = await openWebSocket(url, endpoint.subprotocol, run);
    if (result.failure !== 'closed' || endpoint.triedOthers || endpoint.tries.some(one => !one.failure)) return result;
    endpoint.triedOthers = true;
    for (const other of endpoint.alternates) {
      await pause(PAUSE);
      if (run.stopped) return { failure: 'stopped' };
      const second = await openWebSocket(other, endpoint.subprotocol, run);
      if (!second.failure) {
        endpoint.other = other;
        return second;
      }
    }
    return result;
  };

  // ---- A run

  let run = null;

  /** Waits while the page is in the background, where browsers throttle timers and perhaps the network. */
  const inFront = async () => {
    while (run.away && !run.stopped) await new Promise(resolve => run.waiting.push(resolve));
  };
  const wake = () => run.waiting.splice(0).forEach(resolve => resolve());

  /**
   * Whether another attempt would only cost time. One time-out is enough. While no endpoint has opened,
   * browsers delay each further WebSocket by seconds (Chromium by up to 5), so one failure is enough.
   */
  const hopeless = ({ tries }) => {
    if (!tries.every(one => one.failure)) return false;
    const enough = run.opened ? HOPELESS : 1;
    return tries.length >= enough || tries.some(one => one.failure === 'timeout');
  };

  const measureRegion = async region => {
    for (let round = 0; round < ATTEMPTS; round += 1) {
      for (const group of region.groups) {
        const count = group.endpoints.length;
        for (let place = 0; place < count; place += 1) {
          // Each round begins with another endpoint.
          const endpoint = group.endpoints[(place + round) % count];
          let result = null;
          while (!run.stopped && !result && !hopeless(endpoint)) {
            await inFront();
            const before = run.leaves;
            result = await attempt(endpoint, run);
            // A result from the background is unreliable: repeat the attempt.
            if (run.leaves !== before) result = null;
          }
          if (run.stopped) return;
          if (result) {
            endpoint.tries.push(result);
            if (!result.failure) run.opened = true;
            await pause(PAUSE);
          }
          run.done += 1;
          showProgress();
          showGroup(group, false);
        }
      }
    }
  };

  const measure = async () => {
    if (run && !run.ended) return;
    run = { began: new Date(), start: now(), done: 0, leaves: 0, away: false, cancel: new Set(), waiting: [], disturbed: new Set() };
    for (const group of data.groups) {
      group.endpoints.forEach(one => {
        one.tries = [];
        one.other = null;
        one.triedOthers = false;
      });
      showGroup(group, false);
    }
    show();
    const waiting = regions.slice();
    const worker = async () => {
      while (waiting.length && !run.stopped) await measureRegion(waiting.shift());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    run.ended = true;
    run.seconds = (now() - run.start) / 1000;
    data.groups.forEach(group => showGroup(group, true));
    show();
  };

  const stop = () => {
    if (!run || run.ended) return;
    run.stopped = true;
    [...run.cancel].forEach(cancel => cancel());
    wake();
  };

  const disturbed = how => {
    if (!run || run.ended) return;
    run.disturbed.add(how);
    showWarnings();
  };
  document.addEventListener('visibilitychange', () => {
    if (!run || run.ended) return;
    run.away = document.hidden;
    if (run.away) {
      run.leaves += 1;
      disturbed('background');
    } else {
      wake();
    }
  });
  addEventListener('offline', () => disturbed('offline'));
  const network = navigator.connection;
  if (network && network.addEventListener) network.addEventListener('change', () => disturbed('network'));

  // ---- What was measured

  const median = sorted => {
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };

  const summary = endpoint => {
    const { tries } = endpoint;
    const opened = of => of.filter(one => !one.failure).map(one => one.ms).sort((a, b) => a - b);
    const [all, later] = [opened(tries), opened(tries.slice(1))];
    return {
      endpoint,
      first: tries.length && !tries[0].failure ? tries[0].ms : null,
      later,
      median: all.length ? median(later.length ? later : all) : null,
      failed: tries.length - all.length,
      // 0: all attempts succeeded, 1: some, 2: none, 3: not tried.
      tier: !tries.length ? 3 : !all.length ? 2 : all.length < tries.length ? 1 : 0,
    };
  };

  /** Three against three, all of one slower than all of the other: by chance, this happens once in 20 (5%). */
  const isSlower = (one, than) =>
    one.later.length >= CLEARLY.samples && than.later.length >= CLEARLY.samples &&
    one.later[0] > than.later[than.later.length - 1] &&
    one.median >= than.median * CLEARLY.ratio && one.median - than.median >= CLEARLY.ms;

  /** The endpoints in order. Those with the same place keep the catalogue's order. */
  const ranked = group => {
    const all = group.endpoints.map((endpoint, number) => Object.assign(summary(endpoint), { number }));
    all.sort((a, b) => a.tier - b.tier || a.median - b.median || a.number - b.number);
    let ahead = null;
    all.forEach((one, index) => {
      if (one.tier >= 2) return;
      const another = !ahead || one.tier !== ahead.tier || isSlower(one, ahead);
      if (another) ahead = one;
      one.place = another ? index + 1 : ahead.place;
    });
    return all.sort((a, b) => a.tier - b.tier || (a.place || 0) - (b.place || 0) || a.number - b.number);
  };

  // ---- Words

  const ms = value => (value < 99.95 ? value.toFixed(1) : value.toFixed(0));
  const address = endpoint => endpoint.other || endpoint.url;
  const host = endpoint => /^\w+:\/\/([^/]*)/.exec(endpoint.url)[1];
  const reason = result => {
    const after = ms(result.ms);
    switch (result.failure) {
      case 'timeout':
        return text(`no answer within ${TIMEOUT / 1000} s`, `${TIMEOUT / 1000} 秒内无应答`);
      case 'offline':
        return text('this device was offline', '本机当时离线');
      case 'blocked':
        return text(`the browser refused to connect (${result.name})`, `浏览器拒绝连接（${result.name}）`);
      default: {
        const code = result.code ? [` (code ${result.code})`, `（关闭码 ${result.code}）`] : ['', ''];
        return text(`failed after ${after} ms${code[0]}`, `${after} ms 后失败${code[1]}`);
      }
    }
  };

  const detail = one => {
    const { tries } = one.endpoint;
    const said = [];
    if (one.first !== null) said.push(text(`first ${ms(one.first)}`, `首次 ${ms(one.first)}`));
    if (one.later.length) {
      const times = tries.slice(1).filter(each => !each.failure).map(each => ms(each.ms)).join(' / ');
      said.push(text(`then ${times} ms`, `后续 ${times} ms`));
    } else if (one.first !== null) {
      said[0] = text(`${said[0].en} ms only`, `仅${said[0].zh} ms`);
    }
    if (one.failed) {
      const last = tries.filter(each => each.failure).pop();
      const why = reason(last);
      said.push(text(`${one.failed} of ${tries.length} failed, last: ${why.en}`, `失败 ${one.failed}/${tries.length}，最近一次：${why.zh}`));
    }
    return join(said, '; ', '；');
  };

  const remarks = endpoint => {
    const said = [];
    if (endpoint.other) {
      said.push(text(`works only at ${endpoint.other}; the path in the catalogue failed`, `仅 ${endpoint.other} 可用，目录中的路径失败`));
    }
    if (endpoint.tries.some(one => one.redirected)) {
      said.push(text('redirects to another host', '应答重定向到其他主机'));
    }
    if (endpoint.without_query) {
      said.push(text('measured without the query of its URL, which may contain secrets', '测量时去掉了 URL 中的查询参数（可能含密钥）'));
    }
    return said;
  };

  const conclusion = all => {
    const working = all.filter(one => one.tier < 2);
    const name = one => (one.endpoint.label ? `${host(one.endpoint)} (${one.endpoint.label})` : host(one.endpoint));
    if (all.every(one => one.tier === 3)) return text('Not tried', '未测量');
    if (!working.length) return text('None can be reached from this network', '当前网络下都连不上');
    const first = working.filter(one => one.place === 1);
    const only = all.length > 1 && working.length === 1;
    if (only) {
      const untried = all.some(one => one.tier === 3);
      if (untried) return text('Not all were tried', '未测完');
      return text(`Only ${name(first[0])} works from here`, `从这里只有 ${name(first[0])} 可用`);
    }
    if (all.length === 1) {
      return first[0].tier === 0 ? text('Works from here', '从这里可用') : text('Fails sometimes', '有时失败');
    }
    if (first.length === 1) {
      return working[1].tier > first[0].tier
        ? text(`First choice: ${name(first[0])}; others fail sometimes`, `首选地址：${name(first[0])}；其余时有失败`)
        : text(`Fastest from here: ${name(first[0])}`, `从这里最快：${name(first[0])}`);
    }
    if (first.some(one => one.later.length < CLEARLY.samples)) {
      return text('Too few attempts succeeded for an order', '成功次数不足，无法排序');
    }
    return first.length === working.length
      ? text('No clear order: the differences may be chance', '没有明显差别，可能只是波动')
      : text(`Fastest, with no clear order among them: ${first.map(name).join(', ')}`, `较快且彼此没有明显差别：${first.map(name).join('、')}`);
  };

  const DISTURBED = {
    background: text(
      'The page was in the background during the run. Results from that time were discarded and measured again. Keep the page in front.',
      '测量期间本页曾进入后台。期间的测量已丢弃并重测，请保持本页在前台。'
    ),
    offline: text('This device went offline during the run.', '测量期间本机曾断网。'),
    network: text(
      'The network changed during the run: times from before and after can’t be compared. Measure again.',
      '测量期间网络发生变化，前后的耗时不可比较，请重新测量。'
    ),
  };

  const isNothingThere = () => !run.opened && !run.stopped;
  const NOTHING = text(
    'No endpoint could be reached, so each was tried only once. Check this device’s network first. The times to failure include delays that the browser adds.',
    '所有地址都无法访问，因此每个只测了一次。请先检查本机网络。失败耗时中含浏览器自身加入的延迟。'
  );

  const connection = () => {
    if (!network) return text('unknown', '未知');
    const known = [network.type, network.effectiveType].filter(Boolean);
    if (network.downlink) known.push(`${network.downlink} Mbit/s`);
    if (network.rtt) known.push(`rtt ${network.rtt} ms`);
    return known.length ? text(known.join(', '), known.join('，')) : text('unknown', '未知');
  };

  const groupLines = group => {
    const all = ranked(group);
    const head = text(`[${group.region_en} (${group.region}) · ${group.service_en}]`, `[${group.region_zh} (${group.region}) · ${group.service_zh}]`);
    const line = one => {
      const label = one.endpoint.label ? ` (${one.endpoint.label})` : '';
      const start = `${one.place ? `${one.place}.` : '-'} ${address(one.endpoint)}${label}`;
      if (one.tier === 3) return text(`${start}: not tried`, `${start}：未测量`);
      const said = [detail(one), ...remarks(one.endpoint)];
      if (one.median !== null) said.unshift(text(`median ${ms(one.median)} ms`, `中位数 ${ms(one.median)} ms`));
      const { en, zh } = join(said, '; ', '；');
      return text(`${start}: ${en}`, `${start}：${zh}`);
    };
    return [text('', ''), head, conclusion(all), ...all.map(line)];
  };

  /** The results as plain text, with every time, to send in a chat. */
  const report = lang => {
    const network = connection();
    const scheme = location.protocol.replace(':', '');
    const lines = [
      text(`easelect ${data.easelect}: measured in a browser`, `easelect ${data.easelect}：浏览器测量结果`),
      text(`time: ${run.began.toISOString()}, took ${run.seconds.toFixed(1)} s; page made ${data.made}`, `时间：${run.began.toISOString()}，用时 ${run.seconds.toFixed(1)} 秒；页面生成于 ${data.made}`),
      text(`browser: ${navigator.userAgent}`, `浏览器：${navigator.userAgent}`),
      text(`network, according to the browser: ${network.en}; page opened via ${scheme}`, `网络（浏览器提供）：${network.zh}；页面打开方式：${scheme}`),
    ];
    if (run.stopped) lines.push(text('stopped early, results are incomplete', '提前停止，结果不完整'));
    run.disturbed.forEach(how => lines.push(DISTURBED[how]));
    if (isNothingThere()) lines.push(NOTHING);
    for (const region of regions) {
      region.groups.forEach(group => lines.push(...groupLines(group)));
    }
    lines.push(text('', ''));
    lines.push(text(
      'WebSocket times include DNS, TCP, TLS and the handshake; REST times end with any response. A page can’t see phases, certificates or reasons for failures.',
      'WebSocket 耗时含 DNS、TCP、TLS 和握手；REST 为收到任意应答的时间。网页看不到各阶段、证书和失败原因。'
    ));
    return lines.map(line => line[lang]).join('\n') + '\n';
  };

  // ---- The page

  const row = (one, longest, final) => {
    const item = document.createElement('li');
    item.className = 'endpoint';
    const place = document.createElement('span');
    place.className = 'place';
    place.textContent = final && one.place ? one.place : '';
    const what = document.createElement('div');
    what.className = 'what';
    const name = document.createElement('div');
    name.className = 'host';
    name.textContent = address(one.endpoint).replace(/^\w+:\/\//, '');
    if (one.endpoint.label) {
      const label = document.createElement('span');
      label.className = 'label';
      label.textContent = ` ${one.endpoint.label}`;
      name.appendChild(label);
    }
    what.appendChild(name);
    if (one.median !== null) {
      const measured = document.createElement('div');
      measured.className = 'measured';
      const track = document.createElement('div');
      track.className = 'track';
      for (const [style, value] of [['first', one.first], ['median', one.median]]) {
        if (value === null) continue;
        const bar = document.createElement('span');
        bar.className = style;
        bar.style.width = `${Math.max(0.5, (100 * value) / longest)}%`;
        track.appendChild(bar);
      }
      const figure = document.createElement('span');
      figure.className = 'figure';
      figure.textContent = `${ms(one.median)} ms`;
      what.appendChild(put(measured, track, figure));
    }
    if (one.tier < 3) what.appendChild(say('div', detail(one), one.failed ? 'detail bad' : 'detail'));
    else if (final) what.appendChild(say('div', text('not tried', '未测量'), 'detail'));
    remarks(one.endpoint).forEach(remark => what.appendChild(say('div', remark, 'detail')));
    return put(item, place, what);
  };

  const showGroup = (group, final) => {
    const all = final ? ranked(group) : group.endpoints.map(summary);
    const longest = Math.max(...all.map(one => Math.max(one.first || 0, one.median || 0)), 1);
    put(group.list, ...all.map(one => row(one, longest, final)));
    const said = final ? conclusion(all) : text('', '');
    const works = all.some(one => one.tier < 2);
    put(group.conclusion, say('span', said, works ? 'good' : 'bad'));
  };

  const showProgress = () => {
    const all = data.groups.reduce((sum, group) => sum + group.endpoints.length, 0) * ATTEMPTS;
    const progress = byId('progress');
    progress.max = all;
    progress.value = run.done;
    put(byId('status'), say('span', text(`Measuring: ${run.done} of ${all}. Keep this page in front.`, `正在测量：${run.done}/${all}，请保持本页在前台。`)));
  };

  const showWarnings = () => {
    const list = byId('warnings');
    const said = [...run.disturbed].map(how => DISTURBED[how]);
    if (run.ended && isNothingThere()) said.push(NOTHING);
    list.hidden = !said.length;
    put(list, ...said.map(one => say('li', one)));
  };

  const show = () => {
    const running = Boolean(run) && !run.ended;
    put(byId('start'), say('span', run ? text('Measure again', '重新测量') : text('Start', '开始测量')));
    byId('start').hidden = running;
    byId('stop').hidden = !running;
    byId('progress').hidden = !running;
    byId('report').hidden = !run || running;
    put(byId('copied'));
    if (!run) return;
    showWarnings();
    if (running) {
      showProgress();
      return;
    }
    const seconds = run.seconds.toFixed(1);
    const drawn = data.groups.some(group => group.endpoints.some(one => summary(one).median !== null));
    const bars = !drawn
      ? text('', '')
      : text(' Light bar: first attempt; dark bar: median of the later ones.', '浅色条为首次，深色条为后续中位数。');
    put(byId('status'), say('span', run.stopped
      ? text(`Stopped after ${seconds} s. The results are incomplete.`, `已停止，用时 ${seconds} 秒，结果不完整。`)
      : text(`Done in ${seconds} s.${bars.en}`, `测量完成，用时 ${seconds} 秒。${bars.zh}`)));
    byId('text').value = report(language());
  };

  const copy = () => {
    const area = byId('text');
    const copied = ok =>
      put(byId('copied'), say('span', ok ? text('Copied', '已复制') : text('Copying is blocked here: press and hold the text to copy it', '无法自动复制，请长按文字手动复制')));
    const byHand = () => {
      area.focus();
      area.select();
      area.setSelectionRange(0, area.value.length);
      let ok = false;
      try {
        ok = document.execCommand('copy');
      } catch (error) {
        ok = false;
      }
      copied(ok);
    };
    if (navigator.clipboard && navigator.clipboard.writeText) navigator.clipboard.writeText(area.value).then(() => copied(true), byHand);
    else byHand();
  };

  for (const region of regions) {
    const section = document.createElement('section');
    section.appendChild(say('h2', text(`${region.en} (${region.id})`, `${region.zh}（${region.id}）`)));
    for (const group of region.groups) {
      section.appendChild(say('h3', text(group.service_en, group.service_zh)));
      if (group.mini_program) {
        section.appendChild(say('p', text('Measured in this browser; results inside the mini-program may differ.', '此处为浏览器中的测量结果，小程序内可能不同。'), 'soft'));
      }
      group.conclusion = document.createElement('p');
      group.conclusion.className = 'conclusion';
      group.list = document.createElement('ol');
      section.appendChild(group.conclusion);
      section.appendChild(group.list);
      showGroup(group, false);
    }
    byId('regions').appendChild(section);
  }
  for (const input of document.querySelectorAll('input[name=language]')) {
    input.checked = input.value === language();
    input.onchange = () => {
      document.documentElement.className = input.value;
      document.documentElement.lang = input.value === 'zh' ? 'zh-CN' : 'en';
      if (run && run.ended) byId('text').value = report(language());
    };
  }
  byId('start').onclick = measure;
  byId('stop').onclick = stop;
  byId('copy').onclick = copy;
  put(byId('made'), say('span', text(`Made by easelect ${data.easelect} at ${data.made}. Endpoints may have changed since.`, `由 easelect ${data.easelect} 生成于 ${data.made}，此后接入地址可能有变。`)));
  show();
  byId('inert').hidden = true;
  byId('controls').hidden = false;
  if (/^#run(&|$)/.test(location.hash)) measure();
})();
