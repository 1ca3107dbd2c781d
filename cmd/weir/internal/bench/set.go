package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/workload"
)

// maxSetBytes bounds what ReadSet reads.
const maxSetBytes = 1 << 30

// ReadSet reads the JSON object of a command.
func ReadSet(r io.Reader) (*Set, error) {
	text, err := input.ReadAll(r, maxSetBytes)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("is no result of weir bench --json: %w", err)
	}
	switch {
	case len(s.Runs) == 0 || s.Target.Kind == "":
		return nil, errors.New("is no result of weir bench --json: it has no runs")
	case len(s.Runs) > MaxRuns:
		return nil, fmt.Errorf("has %d runs; at most %d are allowed", len(s.Runs), MaxRuns)
	}
	for i, run := range s.Runs {
		if run == nil {
			return nil, fmt.Errorf("run %d is null", i)
		}
	}
	return s, nil
}

// workloadDifference says how two workloads differ, leaving out what does not
// matter.
func workloadDifference(a, b workload.Workload) string {
	if a.Name != b.Name {
		return fmt.Sprintf("the workloads differ: %q before, %q after", a.Name, b.Name)
	}
	a.About, b.About = "", ""
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if bytes.Equal(x, y) {
		return ""
	}
	return "the workloads differ in their settings"
}
