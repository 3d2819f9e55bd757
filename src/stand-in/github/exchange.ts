/** What went over the wire between the App (or a person) and the stand-in, as its tests hold it against GitHub's description. */
export type Exchange =
  | {
      readonly kind: "request";
      readonly method: string;
      readonly path: string;
      /** The JSON that came; absent where none did. */
      readonly request?: unknown;
      readonly status: number;
      /** The JSON that went back; absent where none did. */
      readonly answer?: unknown;
    }
  | { readonly kind: "webhook"; readonly event: string; readonly action?: string; readonly payload: Readonly<Record<string, unknown>> };
