/** A browser as far as logins need one: keeps cookies by origin, follows redirects, sends forms as a page of the same origin. */
export class Browser {
  private readonly cookies = new Map<string, Map<string, string>>();

  async get(url: string, { follow = true } = {}): Promise<{ url: string; status: number; text: string; headers: Headers }> {
    return this.send("GET", url, undefined, follow);
  }

  async post(url: string, form: Record<string, string>, { origin, follow = true }: { origin?: string; follow?: boolean } = {}) {
    return this.send("POST", url, { form, origin: origin ?? new URL(url).origin }, follow);
  }

  cookie(origin: string, name: string): string | undefined {
    return this.cookies.get(origin)?.get(name);
  }

  setCookie(origin: string, name: string, value: string): void {
    this.jar(origin).set(name, value);
  }

  private async send(
    method: string,
    url: string,
    body: { form: Record<string, string>; origin: string } | undefined,
    follow: boolean,
  ): Promise<{ url: string; status: number; text: string; headers: Headers }> {
    const { origin } = new URL(url);
    const cookie = [...this.jar(origin)].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, {
      method,
      redirect: "manual",
      headers: { ...(cookie === "" ? {} : { cookie }), ...(body === undefined ? {} : { origin: body.origin }) },
      ...(body === undefined ? {} : { body: new URLSearchParams(body.form) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) this.jar(origin).delete(name);
      else this.jar(origin).set(name, value);
    }
    const location = answer.headers.get("location");
    if (follow && location !== null && answer.status >= 300 && answer.status < 400)
      return this.send("GET", new URL(location, url).href, undefined, follow);
    return { url, status: answer.status, text: await answer.text(), headers: answer.headers };
  }

  private jar(origin: string): Map<string, string> {
    const jar = this.cookies.get(origin) ?? new Map<string, string>();
    this.cookies.set(origin, jar);
    return jar;
  }
}
