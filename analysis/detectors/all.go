// Package detectors holds the rules: one file and one page of documentation each.
package detectors

import (
	"embed"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
)

//go:embed *.md
var pages embed.FS

// All returns every rule, in the order of their numbers.
func All() []*analysis.Detector {
	return []*analysis.Detector{
		DirtyReuse(),
		LateReplyReuse(),
		OffByK(),
		StaleBufferRead(),
		ImpossibleReply(),
		ForeignMoved(),
		UnsolicitedReply(),
		MissingReply(),
		QuitMisread(),
		HandshakeLeftover(),
		TornTransaction(),
		ModeLeak(),
		TornWrite(),
		SharedConnection(),
		MidReplyAbandon(),
		BlockingTimeout(),
		IntegrityEcho(),
		ConnectionLeak(),
		PoolLeak(),
		EvictorChurn(),
		MaxclientsReject(),
		ConnectionChurn(),
		WriteAfterClose(),
		IdleCut(),
		PoolExhausted(),
		DeadTargetProbe(),
		ReadTimeout(),
		CancelledRequest(),
		BlockedBehind(),
		TrackingBroken(),
		MovedStorm(),
		MovedToSelf(),
		MovedEmptyHost(),
		MovedUnreachable(),
		RedirectLoop(),
		AskWithoutAsking(),
		FailoverWindow(),
		ForeignCluster(),
		WrongSlotClient(),
		ServerStall(),
		NetworkStall(),
		PushInsideReply(),
		MalformedReply(),
		ProxySeen(),
		SwallowedAuth(),
		DoubleMoved(),
		ShortExec(),
		CaptureLoss(),
		Truncated(),
		MidStream(),
		OneSided(),
		Disorder(),
		Encrypted(),
		Unparsed(),
		PolicyUnknown(),
	}
}

// page returns the rule's documentation in Markdown, from the file that has its name.
func page(d *analysis.Detector) string {
	name := strings.ToLower(d.ID) + "_" + strings.ReplaceAll(d.Name, "-", "_") + ".md"
	b, err := pages.ReadFile(name)
	if err != nil {
		return "" // TestPages fails
	}
	return string(b)
}

// Page returns the documentation of the rule with this id, in Markdown, or "".
func Page(id string) string {
	for _, d := range All() {
		if d.ID == id {
			return page(d)
		}
	}
	return ""
}

// Rules returns what every rule says of itself, for findings that were saved.
func Rules() []incident.Rule {
	var rules []incident.Rule
	for _, d := range All() {
		rules = append(rules, d.Rule())
	}
	return rules
}
