use std::cell::RefCell;
use std::fs;
use std::path::Path;

use super::fake::Fake;
use super::stack::Stack;
use super::{InfraError, Outputs, World, run};
use crate::args::{InfraCommand, InfraOptions, InfraTool, PackageOptions, RelayMode};
use crate::package::{Arch, NODE_ZIP, PackageError, zip_name};

/// What a finished stack says.
const OUTPUTS: &str = r#"case "$1" in output) echo '{
    "deployment_name": {"value": "chat"}, "api_url": {"value": "https://a.example"},
    "site_url": {"value": "https://b.example"}, "secret_arn": {"value": "arn:aws:secretsmanager:eu-central-1:1:secret:chat"},
    "bucket_name": {"value": "chat-1"}, "table_name": {"value": "chat"}}';; esac"#;

/// The state of a stack with a protected table in a module of a module.
const STATE: &str = r#"case "$1" in show) echo '{"values": {"root_module": {
    "resources": [
        {"address": "aws_lambda_function.http", "mode": "managed", "type": "aws_lambda_function", "values": {"id": "chat-http"}},
        {"address": "data.aws_s3_bucket.other", "mode": "data", "type": "aws_s3_bucket", "values": {"id": "other", "bucket": "other"}},
        {"address": "aws_s3_bucket.packages", "mode": "managed", "type": "aws_s3_bucket",
         "values": {"id": "chat-packages", "bucket": "chat-packages", "force_destroy": true}},
        {"address": "aws_s3_bucket_public_access_block.packages", "mode": "managed", "type": "aws_s3_bucket_public_access_block",
         "values": {"id": "chat-packages", "bucket": "chat-packages"}},
        {"address": "aws_s3_bucket.data", "mode": "managed", "type": "aws_s3_bucket",
         "values": {"id": "chat-1", "bucket": "chat-1", "force_destroy": false}}],
    "child_modules": [{"child_modules": [{"resources": [
        {"address": "module.data.aws_dynamodb_table.log", "mode": "managed", "type": "aws_dynamodb_table",
         "values": {"id": "chat", "deletion_protection_enabled": PROTECTED}},
        {"address": "module.data.aws_s3_bucket_policy.data", "mode": "managed", "type": "aws_s3_bucket_policy",
         "values": {"id": "chat-1", "bucket": "chat-1"}},
        {"address": "aws_secretsmanager_secret_version.instance", "mode": "managed", "type": "aws_secretsmanager_secret_version",
         "values": {"id": "arn|1"}}]}]}]}}}';; esac"#;

fn options(fake: &Fake) -> InfraOptions {
    let stack_name = Some("chat".to_owned());
    InfraOptions { dir: fake.dir(), stack_name, relay: None, relay_image: None, arch: None, tool: None }
}

/// What the module and the app take and say is what they are told and asked for.
#[test]
fn the_tools_know_the_names() {
    let text = |folder: &str| {
        let of = |(path, text): &(&str, &str)| path.starts_with(folder).then(|| (*text).to_owned());
        super::files::FILES.iter().filter_map(of).collect::<String>()
    };
    let (terraform, cdk) = (text("terraform/"), text("cdk/"));
    for name in ["name", "architecture", "package", "node_package", "relay", "relay_image"] {
        assert!(terraform.contains(&format!("variable \"{name}\" {{")), "no variable `{name}`");
    }
    for name in ["deployment_name", "api_url", "site_url", "secret_arn", "bucket_name", "table_name"] {
        assert!(terraform.contains(&format!("output \"{name}\" {{")), "no output `{name}`");
    }
    for name in ["name", "architecture", "package", "nodePackage", "relay", "relayImage"] {
        assert!(cdk.contains(&format!("text(\"{name}\")")), "no context `{name}`");
    }
    for name in ["DeploymentName", "ApiUrl", "SiteUrl", "SecretArn", "BucketName", "TableName"] {
        assert!(cdk.contains(&format!("output(\"{name}\"")), "no output `{name}`");
    }
}

/// Runs a command with `typed` on standard input; says which packages were asked for.
fn with(
    fake: &Fake,
    command: &InfraCommand,
    typed: &str,
) -> (Result<Option<Outputs>, InfraError>, Vec<PackageOptions>) {
    let made = RefCell::new(Vec::new());
    let package = |options: &PackageOptions| -> Result<(), PackageError> {
        fs::create_dir_all(&options.out).expect("a folder");
        for name in [zip_name(options.arch), NODE_ZIP.to_owned()] {
            fs::write(options.out.join(name), "zip").expect("a written file");
        }
        made.borrow_mut().push(options.clone());
        Ok(())
    };
    let mut input = typed.as_bytes();
    let mut world = World { programs: fake.programs(), package: &package, input: &mut input };
    let result = run(command, &mut world);
    (result, made.into_inner())
}

fn variables(dir: &Path) -> serde_json::Value {
    let text = fs::read(dir.join("terraform/lakewire.auto.tfvars.json")).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn up_makes_packages_and_stack_and_says_what_it_is() {
    let fake = Fake::new().program("terraform", OUTPUTS);
    let up = InfraCommand::Up { options: options(&fake), yes: true };
    let (result, made) = with(&fake, &up, "");
    let outputs = result.expect("a stack").expect("outputs");
    assert_eq!((outputs.name.as_str(), outputs.url.as_str()), ("chat", "https://a.example"));
    assert_eq!(
        fake.calls(),
        [
            "terraform$ terraform init -input=false",
            "terraform$ terraform apply -input=false -auto-approve",
            "terraform$ terraform output -json",
        ]
    );
    assert_eq!(made.len(), 1);
    let zip = variables(&fake.dir())["package"].as_str().expect("a path").to_owned();
    assert!(Path::new(&zip).is_absolute() && Path::new(&zip).starts_with(&made[0].out), "{zip}");
    assert!(fake.dir().join("terraform/README.md").exists());

    // A second time: what was said before is known, and new packages are made.
    let relay = Some(RelayMode::SocketApi);
    let again = InfraOptions { stack_name: None, relay, ..options(&fake) };
    let (result, made) = with(&fake, &InfraCommand::Up { options: again, yes: false }, "");
    result.expect("a stack");
    assert_eq!(made.len(), 1);
    assert_eq!(fake.calls()[4], "terraform$ terraform apply");
    let variables = variables(&fake.dir());
    assert_eq!((&variables["name"], &variables["relay"]), (&"chat".into(), &"socket-api".into()));
    assert_eq!(variables["architecture"], Arch::RUNNING.to_string());
}

#[test]
fn a_plan_makes_no_stack() {
    let fake = Fake::new().program("terraform", "");
    with(&fake, &InfraCommand::Plan(options(&fake)), "").0.expect("a plan");
    assert_eq!(fake.calls(), ["terraform$ terraform init -input=false", "terraform$ terraform plan -input=false"]);
    assert_eq!(Stack::known(&fake.dir()).expect("no file"), None);
    let down = InfraCommand::Down { dir: fake.dir(), yes: true };
    assert!(matches!(with(&fake, &down, "").0, Err(InfraError::NoStack { .. })));
}

#[test]
fn down_keeps_protected_data_and_asks_for_the_name() {
    let fake = Fake::new().program("terraform", &format!("{OUTPUTS}\n{}", STATE.replace("PROTECTED", "true")));
    with(&fake, &InfraCommand::Up { options: options(&fake), yes: true }, "").0.expect("a stack");
    let before = fake.calls().len();
    let down = InfraCommand::Down { dir: fake.dir(), yes: false };
    for typed in ["", "yes\n", "chat2\n"] {
        assert!(matches!(with(&fake, &down, typed).0, Err(InfraError::NotConfirmed(_))), "{typed:?}");
    }
    assert!(fake.calls().iter().all(|call| !call.contains("destroy") && !call.contains("state rm")));
    let asked = fake.calls().len();
    assert_eq!(asked - before, 6);

    let (result, made) = with(&fake, &down, "chat\n");
    assert_eq!(result.expect("no stack"), None);
    assert!(made.is_empty(), "packages were there");
    assert_eq!(
        fake.calls()[asked..],
        [
            "terraform$ terraform init -input=false",
            "terraform$ terraform show -json",
            "terraform$ terraform state rm aws_s3_bucket.data module.data.aws_dynamodb_table.log \
             module.data.aws_s3_bucket_policy.data aws_secretsmanager_secret_version.instance",
            "terraform$ terraform destroy -input=false -auto-approve",
        ]
    );
}

#[test]
fn down_removes_data_that_nobody_protects() {
    let fake = Fake::new().program("terraform", &format!("{OUTPUTS}\n{}", STATE.replace("PROTECTED", "false")));
    with(&fake, &InfraCommand::Up { options: options(&fake), yes: true }, "").0.expect("a stack");
    with(&fake, &InfraCommand::Down { dir: fake.dir(), yes: true }, "").0.expect("no stack");
    assert!(fake.calls().iter().all(|call| !call.contains("state rm")));
    assert_eq!(
        fake.calls().last().map(String::as_str),
        Some("terraform$ terraform destroy -input=false -auto-approve")
    );
}

#[test]
fn what_an_earlier_down_left_is_no_data_of_the_stack() {
    let state = r#"case "$1" in show) echo '{"values": {"root_module": {}}}';; esac"#;
    let fake = Fake::new().program("terraform", &format!("{OUTPUTS}\n{state}"));
    with(&fake, &InfraCommand::Up { options: options(&fake), yes: true }, "").0.expect("a stack");
    with(&fake, &InfraCommand::Down { dir: fake.dir(), yes: true }, "").0.expect("no stack");
    assert!(fake.calls().iter().all(|call| !call.contains("state rm")));
    let programs = fake.programs();
    let terraform = super::Terraform::new(&programs, &fake.dir());
    assert_eq!(terraform.data().expect("a state"), super::Data::Absent);
}

#[test]
fn the_cdk_is_told_by_its_context() {
    let outputs = r#"{"chat": {"DeploymentName": "chat", "ApiUrl": "https://a.example", "SiteUrl": "https://b.example",
        "SecretArn": "arn", "BucketName": "chat-1", "TableName": "chat"}}"#;
    let fake = Fake::new()
        .program("npm", "")
        .program("npx", &format!("case \"$3\" in deploy) echo '{outputs}' > ../outputs.json;; esac"));
    let cdk = InfraOptions {
        tool: Some(InfraTool::Cdk),
        relay: Some(RelayMode::Fargate),
        relay_image: Some("registry/lakewire:1".to_owned()),
        ..options(&fake)
    };
    with(&fake, &InfraCommand::Plan(cdk.clone()), "").0.expect("a plan");
    let (result, made) = with(&fake, &InfraCommand::Up { options: cdk, yes: true }, "");
    assert_eq!(result.expect("a stack").expect("outputs").secret_arn, "arn");
    with(&fake, &InfraCommand::Down { dir: fake.dir(), yes: false }, "chat\n").0.expect("no stack");

    let folder = made[0].out.display();
    let arch = Arch::RUNNING;
    let context = format!(
        "-c name=chat -c architecture={arch} -c package={folder}/lakewire-lambda-{arch}.zip \
         -c nodePackage={folder}/lakewire-node.zip -c relay=fargate -c relayImage=registry/lakewire:1"
    );
    let calls = fake.calls();
    let prepared = ["cdk$ npm ci --no-audit --no-fund", "cdk$ npm run --silent build"];
    assert_eq!(calls[..2], prepared);
    assert_eq!(calls[2], format!("cdk$ npx --no-install cdk diff {context}"));
    assert_eq!(calls[3..5], prepared);
    let deploy = "cdk$ npx --no-install cdk deploy --outputs-file ../outputs.json --require-approval never";
    assert_eq!(calls[5], format!("{deploy} {context}"));
    assert_eq!(calls[8], format!("cdk$ npx --no-install cdk destroy --force {context}"));
}

#[test]
fn a_tool_that_is_not_there_or_fails_is_named() {
    let fake = Fake::new();
    let error = with(&fake, &InfraCommand::Plan(options(&fake)), "").0.unwrap_err().to_string();
    assert!(error.starts_with("there is no `terraform` in PATH: install it"), "{error}");

    let fake = Fake::new().program("terraform", "case \"$1\" in apply) exit 7;; esac");
    let error = with(&fake, &InfraCommand::Up { options: options(&fake), yes: false }, "").0.unwrap_err().to_string();
    assert_eq!(error, "`terraform apply` failed: exit status: 7");
    // What is half made can be removed.
    assert!(Stack::known(&fake.dir()).expect("a read file").is_some());
}

#[test]
fn packages_for_another_processor_have_to_be_there() {
    let fake = Fake::new().program("terraform", OUTPUTS);
    let other = if Arch::RUNNING == Arch::X86_64 { Arch::Arm64 } else { Arch::X86_64 };
    let up = InfraCommand::Up { options: InfraOptions { arch: Some(other), ..options(&fake) }, yes: true };
    let error = with(&fake, &up, "").0.unwrap_err().to_string();
    assert!(error.contains(&format!("lakewire package --format zip --arch {other} --binary PATH --out ")), "{error}");
    assert!(fake.calls().is_empty());

    let packages =
        Stack::of(&InfraOptions { arch: Some(other), ..options(&fake) }).expect("a stack").packages(&fake.dir());
    let packages = packages.expect("paths");
    fs::create_dir_all(&packages.folder).expect("a folder");
    for path in [&packages.lambda, &packages.node] {
        fs::write(path, "zip").expect("a written file");
    }
    let (result, made) = with(&fake, &up, "");
    result.expect("a stack");
    assert!(made.is_empty());
    assert_eq!(variables(&fake.dir())["architecture"], other.to_string());
}
