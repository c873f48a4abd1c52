//! Through all tables, page by page. What is there already stays as it is, so that this may be done again.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::cells::text;
use super::jobs::{JOBS, Job};
use super::related::Related;
use super::report::{Note, Report};
use super::vault::Vault;
use super::{Found, Row, unkept};
use crate::governance::rows;
use crate::store::litellm::{LiteLlm, PAGE};
use crate::store::{Audit, Change, Counter, Failure, Filter, Kind, Object, Store};

/// Objects of one commit: what takes a database far less than it may.
const BATCH: usize = 25;
/// Digits of a key's digest behind an alias that another key has.
const TOLD_DIGITS: usize = 8;
/// Who it is in the audit log.
const WHO: &str = "tollgate import";

/// Members of documents that name other objects.
const NAMES: [(&str, Kind); 5] = [
    ("budget_id", Kind::Budget),
    ("organization_id", Kind::Organization),
    ("user_id", Kind::User),
    ("team_id", Kind::Team),
    ("project_id", Kind::Project),
];

/// Where objects go.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// They are stored.
    Store(&'a Store),
    /// They are only compared with what is there, if anything is.
    Nowhere(Option<&'a Store>),
}

/// An import on its way.
pub struct Importer<'a> {
    pub from: &'a LiteLlm,
    pub into: Target<'a>,
    pub vault: &'a Vault,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// What the tables before have taught.
struct Progress {
    report: Report,
    /// What was passed over: who names it is passed over too.
    lost: HashSet<(Kind, String)>,
}

impl Importer<'_> {
    /// Imports everything.
    ///
    /// # Errors
    /// One of the databases does not answer; what was imported until then stays.
    pub async fn run(&self) -> Result<Report, Failure> {
        let report = Report::new(matches!(self.into, Target::Store(_)));
        let mut progress = Progress { report, lost: HashSet::new() };
        for job in &JOBS {
            if self.from.has(&job.table).await? {
                Box::pin(self.table(job, &mut progress)).await?;
            } else {
                progress.report.missing(job.table.name);
            }
        }
        progress.report.end();
        Ok(progress.report)
    }

    async fn table(&self, job: &Job, progress: &mut Progress) -> Result<(), Failure> {
        progress.report.begin(job.what);
        let mut last: Option<Row> = None;
        loop {
            let mut rows = self.from.page(&job.table, last.as_ref()).await?;
            let related = Related::of(self.from, &rows, job.needs, Some(self.vault)).await?;
            let found: Vec<Found> = rows.iter().flat_map(|row| progress.read(job, row, &related)).collect();
            for found in found.chunks(BATCH) {
                self.keep(job, found, &mut progress.report).await?;
            }
            let is_last = rows.len() < PAGE;
            last = rows.pop();
            if is_last {
                return Ok(());
            }
        }
    }

    /// Stores those that are not there.
    async fn keep(&self, job: &Job, found: &[Found], report: &mut Report) -> Result<(), Failure> {
        let known = match self.into {
            Target::Store(store) | Target::Nowhere(Some(store)) => known(store, job.kind, found).await?,
            Target::Nowhere(None) => HashSet::new(),
        };
        let (old, new): (Vec<&Found>, Vec<&Found>) = found.iter().partition(|found| known.contains(&found.object.id));
        report.count.known += old.len() as u64;
        let Target::Store(store) = self.into else {
            report.count.imported += new.len() as u64;
            return Ok(());
        };
        if new.is_empty() {
            return Ok(());
        }
        let spent = spent(store, &new).await?;
        let changes: Vec<Change> = new.iter().flat_map(|found| changes(job, found, &spent)).collect();
        match store.commit(&changes, self.now).await {
            Ok(()) => report.count.imported += new.len() as u64,
            // One of them, and it is found by storing each by itself.
            Err(Failure::Exists | Failure::AliasTaken | Failure::Changed) => {
                for found in new {
                    self.keep_one(store, job, (found, &spent), report).await?;
                }
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn keep_one(
        &self,
        store: &Store,
        job: &Job,
        (found, spent): (&Found, &[Counter]),
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut stored = store.commit(&changes(job, found, spent), self.now).await;
        if let (Err(Failure::AliasTaken), Some(alias)) = (&stored, &found.object.alias) {
            let alias = format!("{alias} ({})", found.object.id.get(..TOLD_DIGITS).unwrap_or_default());
            let mut renamed = found.clone();
            renamed.object.doc.insert("key_alias".to_owned(), json!(alias));
            renamed.object.alias = Some(alias.clone());
            stored = store.commit(&changes(job, &renamed, spent), self.now).await;
            if stored.is_ok() {
                report.rename(&found.object.id, &alias);
            }
        }
        match stored {
            Ok(()) => report.count.imported += 1,
            Err(Failure::AliasTaken) => {
                report.pass_over(found.object.id.clone(), "has the alias of another".to_owned());
            }
            // Somebody was faster.
            Err(Failure::Exists | Failure::Changed) => report.count.known += 1,
            Err(failure) => return Err(failure),
        }
        Ok(())
    }
}

impl Progress {
    /// The objects of a row that can be kept.
    fn read(&mut self, job: &Job, row: &Row, related: &Related) -> Vec<Found> {
        let found = match (job.read)(row, related) {
            Ok(found) => found,
            Err(why) => {
                self.report.count.read += 1;
                self.lose(job, (job.name)(row), why);
                return Vec::new();
            }
        };
        self.report.count.read += found.len() as u64;
        let mut kept = Vec::with_capacity(found.len());
        for mut found in found {
            if let Some(why) = self.wrong(&found) {
                self.lose(job, found.object.id, why);
                continue;
            }
            self.leave_out_lost(&mut found.object);
            if !job.is_second {
                self.tell_unkept(row, &found.object);
            }
            kept.push(found);
        }
        kept
    }

    fn lose(&mut self, job: &Job, id: String, why: String) {
        self.lost.insert((job.kind, id.clone()));
        self.report.pass_over(id, why);
    }

    fn tell_unkept(&mut self, row: &Row, object: &Object) {
        for column in unkept::columns(row, object) {
            self.report.note(Note::NotKept, column, &object.id);
        }
        for setting in unkept::settings(object) {
            self.report.note(Note::WithoutEffect, setting, &object.id);
        }
    }

    /// A team lists nobody who was passed over: whoever gets that id later would be in it.
    fn leave_out_lost(&self, object: &mut Object) {
        if object.kind != Kind::Team {
            return;
        }
        for name in ["members_with_roles", "members", "admins"] {
            let Some(Value::Array(listed)) = object.doc.get_mut(name) else { continue };
            listed.retain(|member| {
                let id = member.as_str().or_else(|| member.get("user_id")?.as_str());
                id.is_none_or(|id| !self.lost.contains(&(Kind::User, id.to_owned())))
            });
        }
    }

    /// Why an object cannot be kept, if it cannot: the data plane does not understand it, or it names one that was
    /// passed over.
    fn wrong(&self, found: &Found) -> Option<String> {
        let object = &found.object;
        let is_limited = !matches!(object.kind, Kind::Model | Kind::Credential | Kind::OrganizationMember);
        if is_limited && rows::Row::of(object).is_none() {
            return Some("says what is not understood".to_owned());
        }
        let is_own = |kind: Kind| kind == object.kind || (kind == Kind::User && object.kind == Kind::Customer);
        let mut names: Vec<(Kind, String)> = NAMES
            .iter()
            .filter(|(_, kind)| !is_own(*kind))
            .filter_map(|(member, kind)| Some((*kind, text(&object.doc, member)?.to_owned())))
            .collect();
        if let (Kind::Key, Some(team), Some(user)) = (object.kind, &object.team_id, &object.user_id) {
            names.push((Kind::TeamMember, format!("{team}:{user}")));
        }
        let of_members = object.doc.get("metadata").and_then(|metadata| metadata.get(rows::MEMBER_BUDGET_ID)?.as_str());
        names.extend(of_members.map(|budget| (Kind::Budget, budget.to_owned())));
        let lost = names.into_iter().find(|name| self.lost.contains(name));
        lost.map(|(kind, id)| format!("belongs to what was passed over ({} {id})", kind.as_str()))
    }
}

/// The ids that are stored already.
async fn known(store: &Store, kind: Kind, found: &[Found]) -> Result<HashSet<String>, Failure> {
    let ids: Vec<String> = found.iter().map(|found| found.object.id.clone()).collect();
    let known = store.all(kind, &Filter { ids: Some(&ids), ..Filter::default() }).await?;
    Ok(known.into_iter().map(|object| object.id).collect())
}

/// What is known to be spent of their budgets already.
async fn spent(store: &Store, found: &[&Found]) -> Result<Vec<Counter>, Failure> {
    let counters = found.iter().flat_map(|found| &found.counters);
    let scopes: Vec<(&str, &str)> = counters.map(|counter| (counter.scope.as_str(), counter.id.as_str())).collect();
    store.counters_of(&scopes).await
}

/// The object, its line in the audit log, and what it has spent, unless as much is known already.
fn changes(job: &Job, found: &Found, spent: &[Counter]) -> Vec<Change> {
    let object = &found.object;
    let line = Audit {
        id: Uuid::new_v4().to_string(),
        changed_by: WHO.to_owned(),
        api_key: String::new(),
        action: "imported".to_owned(),
        table_name: job.table.name.to_owned(),
        object_id: object.id.clone(),
        before: None,
        after: Some(object.doc.clone()),
    };
    let mut changes = vec![Change::Put(object.clone()), Change::Audit(line)];
    for new in &found.counters {
        let is_same = |known: &&Counter| known.scope == new.scope && known.id == new.id && known.budget == new.budget;
        if !spent.iter().filter(is_same).any(|known| known.spent >= new.spent) {
            changes.push(Change::Spent(new.clone()));
        }
    }
    changes
}
