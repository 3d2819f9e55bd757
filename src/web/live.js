// Shows a page that is still changing anew without a reload, so that focus, selection and scroll position stay. Without scripts the
// page is as complete as it was when it was loaded.
const pause = 3000;

async function refresh() {
  if (document.visibilityState === "visible") {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => undefined);
    if (answer?.ok) {
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [now, then] = [document.querySelector("main"), next.querySelector("main")];
      if (now !== null && then !== null && now.innerHTML !== then.innerHTML) now.replaceChildren(...then.childNodes);
      if (next.querySelector('script[src="/live.js"]') === null) return;
    }
  }
  setTimeout(refresh, pause);
}

setTimeout(refresh, pause);
