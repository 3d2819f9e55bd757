export interface Incident {
  readonly id: string;
}
