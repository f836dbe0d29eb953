/** What `preact-htm.js` exports, as far as the app uses it. */

export interface VNode {
  type: unknown;
  props: Record<string, unknown>;
  key: unknown;
}
export type Child = VNode | string | number | bigint | boolean | null | undefined | Child[];
type View = (props: any) => Child;
type Cleanup = () => void;

export function h(type: string | View, props: object | null, ...children: Child[]): VNode;
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
export function render(node: Child, parent: Element): void;
export function useState<T>(initial: T | (() => T)): [T, (value: T | ((old: T) => T)) => void];
export function useEffect(effect: () => void | Cleanup, inputs?: unknown[]): void;
export function useLayoutEffect(effect: () => void | Cleanup, inputs?: unknown[]): void;
export function useRef<T>(initial: T): { current: T };
