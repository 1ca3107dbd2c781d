package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
)

// The JSON is what cmd/weir/peers prints for its own peers, as far as it is known
// here.
type (
	jsonReport struct {
		Interrupted bool        `json:"interrupted"`
		Groups      []jsonGroup `json:"groups"`
	}
	jsonGroup struct {
		Name   string       `json:"name"`
		Rounds int          `json:"rounds"` // that were finished
		Peers  []jsonResult `json:"peers"`  // weir first
	}
	jsonResult struct {
		Name    string               `json:"name"`
		Module  string               `json:"module,omitempty"`
		Version string               `json:"version,omitempty"`
		Note    string               `json:"note"`
		Values  map[string][]float64 `json:"values"` // nanoseconds of the clock for each unit, by round
	}
)

// jsonMeasures are the names that the workloads have there.
var jsonMeasures = map[string]string{"put-record": "put_ns", "put-records": "batch_ns", "get-records": "read_ns"}

// jsonNames are the servers, and what is to be known of each.
var jsonNames = []struct{ kind, name, module, note string }{
	{nameWeir, "weir serve", "", "The base of the two below: HTTP/1.1 and JSON over loopback with one raw client. " +
		"PutRecord over 16 connections, PutRecords of 500 and GetRecords of 10,000 over 4, 100 bytes each; what is told is the time " +
		"for each record of all connections together."},
	{nameKinesalite, "kinesalite", "kinesalite", "One process of Node.js, its store in memory."},
	{nameMock, "kinesis-local", "kinesis-local", "kinesis-mock, compiled from Scala to JavaScript, for Node.js; at most three rounds of five."},
}

// printJSON prints the rates. What was not measured is left out.
func (r *report) printJSON(w io.Writer) error {
	g := jsonGroup{Name: "over HTTP", Rounds: r.finished()}
	for _, n := range jsonNames {
		p := jsonResult{Name: n.name, Module: n.module, Note: n.note, Values: r.nanoseconds(n.kind)}
		if n.module != "" {
			p.Version = installed(r.bench.peers, n.module)
		}
		if len(p.Values) > 0 {
			g.Peers = append(g.Peers, p)
		}
	}
	out := jsonReport{Interrupted: r.interrupted, Groups: []jsonGroup{}}
	if len(g.Peers) > 0 && g.Peers[0].Name == jsonNames[0].name {
		out.Groups = append(out.Groups, g)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

// finished returns how many rounds weir has of every workload that was run.
func (r *report) finished() int {
	least := r.bench.rounds
	for _, by := range r.rounds {
		least = min(least, len(by[nameWeir]))
	}
	return least
}

// nanoseconds returns what a unit of each workload took a server, in each round.
func (r *report) nanoseconds(server string) map[string][]float64 {
	values := make(map[string][]float64)
	for id, by := range r.rounds {
		if rounds := by[server]; len(rounds) > 0 {
			values[jsonMeasures[id]] = each(rounds, func(r round) float64 { return 1e9 / r.rate })
		}
	}
	return values
}

// installed returns the version of a package that npm installed, or "".
func installed(dir, name string) string {
	var p struct{ Version string }
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", name, "package.json"))
	if err != nil || json.Unmarshal(text, &p) != nil {
		return ""
	}
	return p.Version
}
