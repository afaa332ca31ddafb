// What is compared of the two stacks: plain objects, with names in place of what AWS numbers.

/** Permissions of a policy as texts: `action resource`. */
export function permissions(document) {
  return list(document.Statement).flatMap((statement) => {
    if (statement.Effect !== "Allow") throw new Error(`a statement does not allow: ${JSON.stringify(statement)}`);
    return list(statement.Action).flatMap((action) => list(statement.Resource).map((resource) => `${action} ${resource}`));
  }).sort();
}

/** Who may take a role. */
export function trust(document) {
  const [statement] = list(document.Statement);
  return { service: list(statement.Principal.Service), condition: statement.Condition ?? {} };
}

/** A container, with its environment as an object. */
export function container({ name, image, command, essential, portMappings, environment, stopTimeout, ulimits, logConfiguration }) {
  const variables = Object.fromEntries(environment.map(({ name, value }) => [name, value]));
  return { name, image, command, essential, portMappings, environment: variables, stopTimeout, ulimits, logConfiguration };
}

/** @returns {any[]} */
export function list(value) {
  return Array.isArray(value) ? value : [value];
}

/** An object of the resources that a function gives name and fact of. */
export function named(resources, fact) {
  return Object.fromEntries(resources.map(fact).sort(([a], [b]) => (a < b ? -1 : 1)));
}
