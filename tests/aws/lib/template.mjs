// What has to be different in a template so that the emulator takes it, or so that tests reach what it makes.

/** Types that the emulator has not, and nothing in tests depends on. */
const UNKNOWN = new Set([
  "AWS::ApplicationAutoScaling::ScalableTarget",
  "AWS::ApplicationAutoScaling::ScalingPolicy",
  "AWS::EC2::SecurityGroupIngress",
  "AWS::EC2::SecurityGroupEgress",
]);

/**
 * A template for the emulator.
 *
 * @param {object} template of CloudFormation
 * @param {Record<string, string | object | undefined | ((told: unknown) => string | undefined)>} [environment] variables that the functions
 *   get besides or instead; a function is given what the template has
 * @returns {object} another one
 */
export function emulated(template, environment = {}) {
  const copy = structuredClone(template);
  for (const [id, resource] of Object.entries(copy.Resources)) {
    if (UNKNOWN.has(resource.Type)) delete copy.Resources[id];
    if (resource.Type === "AWS::S3::BucketPolicy" && !allowPlainHttp(resource)) delete copy.Resources[id];
    if (resource.Type === "AWS::Lambda::Function") setEnvironment(resource.Properties, environment);
    if (resource.Type === "AWS::SecretsManager::Secret") nameExcluded(resource.Properties.GenerateSecretString);
  }
  for (const resource of Object.values(copy.Resources)) forget(resource, copy.Resources);
  return nameSecrets(copy, copy.Resources);
}

/** On AWS a reference to a secret is its ARN; the emulator gives its name, and the ARN as an attribute. */
function nameSecrets(value, resources) {
  if (Array.isArray(value)) return value.map((inner) => nameSecrets(inner, resources));
  if (value === null || typeof value !== "object") return value;
  if (resources[value.Ref]?.Type === "AWS::SecretsManager::Secret") return { "Fn::GetAtt": [value.Ref, "Id"] };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nameSecrets(inner, resources)]));
}

/** Takes out the rule that all is encrypted on its way, since the emulator is not; gives whether another one is left. */
function allowPlainHttp(policy) {
  const document = policy.Properties.PolicyDocument;
  document.Statement = document.Statement.filter((statement) => statement.Condition?.Bool?.["aws:SecureTransport"] === undefined);
  return document.Statement.length > 0;
}

function setEnvironment(properties, environment) {
  // The function for Node.js has no environment, and needs none.
  if (properties.Environment === undefined) return;
  const variables = properties.Environment.Variables;
  for (const [name, given] of Object.entries(environment)) {
    const value = typeof given === "function" ? given(variables[name]) : given;
    if (value === undefined) delete variables[name];
    else variables[name] = value;
  }
}

/** Of what a generated secret may not have, the emulator knows single characters only. */
function nameExcluded(secret) {
  if (secret?.ExcludeUppercase) secret.ExcludeCharacters = `${secret.ExcludeCharacters ?? ""}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;
  if (secret?.ExcludePunctuation) secret.ExcludeCharacters = `${secret.ExcludeCharacters ?? ""}!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`;
}

/** Dependencies on what is no longer there. */
function forget(resource, all) {
  if (resource.DependsOn === undefined) return;
  resource.DependsOn = [resource.DependsOn].flat().filter((id) => id in all);
}
