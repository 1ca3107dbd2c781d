package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report is what a run found. It is also what the program prints as JSON.
type report struct {
	Time        time.Time `json:"time"`
	Go          string    `json:"go"`
	OS          string    `json:"os"`
	Arch        string    `json:"arch"`
	Processor   string    `json:"processor,omitempty"`
	Processors  int       `json:"processors"`
	Load        string    `json:"load_average,omitempty"` // before the run
	Size        int       `json:"data_bytes"`
	Keys        int       `json:"keys"`
	KeyBytes    int       `json:"key_bytes"`
	Live        int       `json:"live_records"` // while garbage is collected
	Interrupted bool      `json:"interrupted"`
	Groups      []*group  `json:"groups"`
	Goals       []goal    `json:"goals,omitempty"`
}

// A group is peers that are compared with the same base, its first.
type group struct {
	Name   string    `json:"name"`
	Rounds int       `json:"rounds"` // that were finished
	Peers  []*result `json:"peers"`
}

// A result is what was found of a peer.
type result struct {
	Name    string `json:"name"`
	Module  string `json:"module,omitempty"`
	Version string `json:"version,omitempty"`
	Note    string `json:"note,omitempty"`
	// DiskNote is the note of the measures on disk.
	DiskNote string `json:"disk_note,omitempty"`
	// Records says with how many a measure was taken in each round.
	Records map[measure]int `json:"records,omitempty"`
	// Values are those of each round; on disk, of each turn.
	Values map[measure][]float64 `json:"values"`
	// Medians, and Ratios of the base's values of the same rounds, follow from
	// Values.
	Medians map[measure]float64 `json:"medians"`
	Ratios  map[measure]spread  `json:"ratios"`
	// Failed says what kept the peer from being measured further.
	Failed []string `json:"failed,omitempty"`
}

func newReport(c config) *report {
	return &report{
		Time: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Processor: processor(), Processors: runtime.NumCPU(), Load: loadAverage(),
		Size: c.size, Keys: keys, KeyBytes: keyBytes, Live: c.scaled(liveRecords, c.size),
	}
}

// conclude computes what follows from the values.
func (r *report) conclude() {
	for _, g := range r.Groups {
		for _, p := range g.Peers {
			p.Medians, p.Ratios = make(map[measure]float64), make(map[measure]spread)
			for m, values := range p.Values {
				p.Medians[m] = median(values)
				if p != g.Peers[0] {
					p.Ratios[m] = ratios(values, g.Peers[0].Values[m])
				}
			}
		}
	}
	r.Goals = goals(r)
}

// find returns the result of a peer that is compared with weir in this process, or
// nil.
func (r *report) find(peer string) *result {
	for _, g := range r.Groups {
		if i := slices.IndexFunc(g.Peers, func(p *result) bool { return p.Name == peer }); i >= 0 && g.Name == embedded {
			return g.Peers[i]
		}
	}
	return nil
}

// best returns the result of the peer whose ratio to weir in this process is the
// least, or nil.
func (r *report) best(m measure) (best *result) {
	for _, g := range r.Groups {
		if g.Name != embedded {
			continue
		}
		for _, p := range g.Peers[1:] {
			if ratio := p.Ratios[m].Median; ratio > 0 && (best == nil || ratio < best.Ratios[m].Median) {
				best = p
			}
		}
	}
	return best
}

// addHTTP adds the groups of a file that aws/peers wrote.
func (r *report) addHTTP(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var other report
	if err := json.Unmarshal(text, &other); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, g := range other.Groups {
		if g == nil || len(g.Peers) == 0 || slices.Contains(g.Peers, nil) {
			return fmt.Errorf("%s: a group without peers", name)
		}
	}
	r.Groups = append(r.Groups, other.Groups...)
	r.Interrupted = r.Interrupted || other.Interrupted
	return nil
}

// processor returns the name of the processor, as Linux tells it.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// loadAverage returns the load averages of Linux.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
