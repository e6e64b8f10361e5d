/** docs/api.md: the OpenAPI document as a table, and what may be asked with each call. */
import { join } from 'node:path'
import { loadThrough } from '../../test/support/load-tsx.ts'
import { code, markdownTable } from './markdown.ts'

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
}

interface Operation {
  operationId: string
  summary: string
  description?: string
  parameters?: Parameter[]
  requestBody?: { content: Record<string, unknown> }
  responses: Record<string, { description: string; content: Record<string, unknown> }>
}

interface OpenApi {
  paths: Record<string, Record<string, Operation>>
}

const CONTROL = join(import.meta.dirname, '..', '..', 'src', 'control')

export async function apiReference(): Promise<Record<string, string>> {
  const { paths } = await openApi()
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ call: `${method.toUpperCase()} ${path}`, operation })),
  )
  const common = codesOfAll(operations.map(({ operation }) => operation).filter(takesARole))
  return {
    'api-routes': markdownTable(
      ['call', 'role', 'what'],
      operations.map(({ call, operation }) => [code(call), roleOf(operation), operation.summary]),
    ),
    'api-common-errors': list(common),
    'api-details': markdownTable(
      ['operation', 'query and headers', 'takes', 'answers', 'refuses with, besides'],
      operations.map(({ operation }) => [
        code(operation.operationId),
        (operation.parameters ?? [])
          .filter((parameter) => parameter.in !== 'path')
          .map(({ name, required }) => code(name) + (required ? ' (needed)' : ''))
          .join(', '),
        mediaTypes(operation.requestBody?.content),
        mediaTypes(operation.responses['200']?.content),
        list(codesOf(operation).filter((each) => !common.includes(each))),
      ]),
    ),
  }
}

/** The routes are loaded as Vitest does, since pages among their imports are JSX. */
async function openApi(): Promise<OpenApi> {
  const routes = await loadThrough<{ ROUTES: unknown }>(join(CONTROL, 'routes', 'index.ts'))
  const document = await loadThrough<{ openApiDocument: (routes: unknown) => unknown }>(join(CONTROL, 'openapi.ts'))
  const described = document.module.openApiDocument(routes.module.ROUTES) as OpenApi
  await Promise.all([routes.close(), document.close()])
  return described
}

function takesARole({ description }: Operation): boolean {
  return description !== undefined
}

function roleOf(operation: Operation): string {
  return /^Needs the role (.+)\.$/.exec(operation.description ?? '')?.[1] ?? 'none'
}

/** The description of a refusal lists its codes. */
function codesOf({ responses }: Operation): string[] {
  return Object.entries(responses).flatMap(([status, { description }]) =>
    Number(status) >= 400 ? description.split(', ') : [],
  )
}

function codesOfAll(operations: readonly Operation[]): string[] {
  const [first, ...others] = operations.map(codesOf)
  return (first ?? []).filter((each) => others.every((codes) => codes.includes(each)))
}

function list(codes: readonly string[]): string {
  return codes.map((each) => `[${code(each)}](errors.md#${each})`).join(', ')
}

function mediaTypes(content: Record<string, unknown> = {}): string {
  return Object.keys(content).map(code).join(', ')
}
