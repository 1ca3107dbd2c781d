package console

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// changePage is the page of a change: a GET shows what would be done, a POST does
// it.
const changePage = "change"

const (
	// maxForm is how long a form may be: a record, and as much again because it may
	// be written as base64 or hexadecimal digits.
	maxForm   = 2*weir.MaxRecordBytes + 64<<10
	longestIn = 16 // MiB that a form may take in memory before it is refused
)

// changeData is the page that says what a change would do.
type changeData struct {
	frame
	Do       string
	Action   Action
	Words    string
	Command  string
	Plan     []weir.Reshard
	PlanText string
	Fields   [][2]string // hidden ones of the form that does it
	Typed    string      // what has to be typed
	Warning  string
	Range    *weir.HashKeyRange // of the shard to be split
	Cut      float64            // where in the range, in percent
	Choices  []splitChoice
	Err      string
}

// ShardName returns the shard that is to be split.
func (d changeData) ShardName() string {
	if a, ok := d.Action.(Split); ok {
		return a.Shard.String()
	}
	return ""
}

type splitChoice struct{ Text, Link string }

func (c *Console) changePage(r *http.Request) answer {
	if err := c.mayChange(r); err != nil {
		return answer{status: http.StatusForbidden, err: err}
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
		if err := r.ParseMultipartForm(longestIn << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return answer{status: http.StatusRequestEntityTooLarge, err: fmt.Errorf("the form: %w; it may have %d bytes", err, int64(maxForm))}
		}
		if err := c.checkToken(r); err != nil {
			return answer{status: http.StatusForbidden, err: err}
		}
	}
	switch r.FormValue("do") {
	case "reset":
		return c.resetGroup(r)
	case "restore":
		return c.restore(r)
	}
	d, err := c.readChange(r)
	if err != nil {
		return answer{err: err}
	}
	if r.Method != http.MethodPost {
		return answer{template: "change", data: d}
	}
	if d.Typed != "" && r.PostFormValue("typed") != d.Typed {
		d.Err = fmt.Sprintf("To do this, type %s into the field.", d.Typed)
		return answer{status: http.StatusUnprocessableEntity, template: "change", data: d}
	}
	said, err := c.config.Source.Do(r.Context(), d.Stream.At, d.Stream.Name, d.Action)
	if err != nil {
		d.Err = err.Error()
		return answer{status: http.StatusUnprocessableEntity, template: "change", data: d}
	}
	return c.changed(d, said)
}

// changed goes to a page that shows what was changed, and says so there.
func (c *Console) changed(d changeData, said string) answer {
	text := fmt.Sprintf("Done: %s %s", d.Words, d.Stream.Name)
	if said != "" {
		text += ", " + said
	}
	id := c.said.add(note{Text: text, Command: d.Command})
	page, more := "stream", []string{"said", id}
	switch d.Action.(type) {
	case Put:
		page, more = "records", append(more, "from", "time", "pos", "1m")
	case Split, Merge, Resize:
		page = "shards"
	case Register, Deregister:
		page = "readers"
	case SetRetention, SetMode:
		page = "settings"
	case Delete:
		return answer{location: "./?said=" + id}
	}
	return answer{location: link(page, d.Stream, more...)}
}

// readChange reads what is to be done.
func (c *Console) readChange(r *http.Request) (d changeData, err error) {
	do := r.FormValue("do")
	if do == "create" {
		d.frame = c.frame(r, "New stream", "new")
		d.Stream = Stream{At: r.FormValue("at"), Name: r.FormValue("name")}
		if !c.config.Source.Can() {
			return d, errors.New("streams cannot be created here: the program makes them")
		}
	} else if d.frame, err = c.streamFrame(r, changePage); err != nil {
		return d, err
	}
	d.Live = false
	if d.Stream.Engine == nil && do != "create" && do != "delete" {
		return d, errNotYet
	}
	if err := d.read(r, do); err != nil {
		return d, err
	}
	d.Do, d.Words = do, d.Action.words()
	endpoint := ""
	if c.config.API {
		endpoint = endpointOf(r)
	}
	d.Command = commandLine(d.Action, d.Stream, endpoint)
	for _, name := range []string{"do", "name", "at", "shard", "key", "lower", "upper", "target", "hours", "mode", "consumer", "shards"} {
		if v := r.FormValue(name); v != "" && !(name == "key" && do == "put") {
			d.Fields = append(d.Fields, [2]string{name, v})
		}
	}
	return d, nil
}

// endpointOf returns the address that a request was sent to.
func endpointOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// endpointFlag is what commands end with.
func (c *Console) endpointFlag(r *http.Request) string {
	if !c.config.API {
		return ""
	}
	return " --endpoint-url " + quoted(endpointOf(r))
}

// read reads the action and what is to be known about it.
func (d *changeData) read(r *http.Request, do string) (err error) {
	switch do {
	case "put":
		d.Action, err = readPut(r)
	case "split":
		err = d.readSplit(r)
	case "merge":
		err = d.readMerge(r)
	case "resize":
		err = d.readResize(r)
	case "retention":
		n, bad := numberOf(r, "hours", 8760)
		d.Action, err = SetRetention{time.Duration(n) * time.Hour, d.Stream.Engine.Settings().Retention}, bad
		if before := d.Stream.Engine.Settings().Retention; bad == nil && time.Duration(n)*time.Hour < before {
			d.Warning = "Records older than that become unreadable at once, and stay so."
		}
	case "mode":
		err = d.readMode(r)
	case "register", "deregister":
		err = d.readConsumer(r, do)
	case "create":
		n, bad := 0, error(nil)
		if r.FormValue("mode") != "on-demand" {
			n, bad = numberOf(r, "shards", 10_000)
		}
		d.Action, err = Create{n}, bad
	case "delete":
		d.Action, d.Typed = Delete{}, d.Stream.Name
		d.Warning = "The stream, its records and its registered consumers are gone then. Type the stream's name to confirm."
		if !d.frame.Create {
			err = errors.New("streams cannot be deleted here: the program makes them")
		}
	default:
		err = fmt.Errorf("do %.40q is nothing that can be done", do)
	}
	return err
}

// numberOf reads a field that has a number from 1 to most.
func numberOf(r *http.Request, field string, most int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(r.FormValue(field)))
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s %.40q is no number from 1 to %d", field, r.FormValue(field), most)
	}
	return n, nil
}

func shardOf(r *http.Request, field string) (weir.ShardID, error) {
	id, err := weir.ParseShardID(r.FormValue(field))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", field, err)
	}
	return id, nil
}

// readPut reads a record from a form.
func readPut(r *http.Request) (Put, error) {
	e := weir.Entry{PartitionKey: r.PostFormValue("key"), Data: []byte(r.PostFormValue("data"))}
	var err error
	switch text := strings.TrimSpace(r.PostFormValue("data")); r.PostFormValue("as") {
	case "", "text":
	case "base64":
		e.Data, err = base64.StdEncoding.DecodeString(text)
	case "hex":
		e.Data, err = hex.DecodeString(strings.Join(strings.Fields(text), ""))
	default:
		err = errors.New("is given as text, base64 or hex")
	}
	if err != nil {
		return Put{}, fmt.Errorf("data: %w", err)
	}
	if r.MultipartForm != nil && len(r.MultipartForm.File["file"]) == 1 {
		if file, err := r.MultipartForm.File["file"][0].Open(); err == nil {
			defer file.Close()
			data, err := io.ReadAll(file)
			if err != nil {
				return Put{}, fmt.Errorf("file: %w", err)
			}
			if len(data) > 0 {
				e.Data = data
			}
		}
	}
	if text := strings.TrimSpace(r.PostFormValue("hash")); text != "" {
		k, err := weir.ParseHashKey(text)
		if err != nil {
			return Put{}, err
		}
		e.ExplicitHashKey = &k
	}
	return Put{e}, nil
}

// readSplit reads which shard is to be split where: at a hash key, at a part of
// its range, or in the middle.
func (d *changeData) readSplit(r *http.Request) error {
	id, err := shardOf(r, "shard")
	if err != nil {
		return err
	}
	sh, err := openShard(d.Stream.Engine, id)
	if err != nil {
		return err
	}
	at := sh.HashKeyRange.Middle()
	if text := r.FormValue("key"); text != "" {
		if at, err = weir.ParseHashKey(text); err != nil {
			return err
		}
	} else if part, err := strconv.ParseFloat(r.FormValue("part"), 64); err == nil {
		at = keyAt(sh.HashKeyRange, part)
	}
	if !sh.HashKeyRange.CanSplitAt(at) {
		return fmt.Errorf("%s cannot be split at %s: it has the hash keys %s", id, at, sh.HashKeyRange)
	}
	d.Action, d.Range = Split{id, at}, &sh.HashKeyRange
	start, end := placeOf(sh.HashKeyRange.Start), placeOf(sh.HashKeyRange.End)
	d.Cut = 100 * (placeOf(at) - start) / max(end-start, 1e-30)
	d.PlanText = fmt.Sprintf("The lower child gets %.1f %% of its hash keys, the upper one %.1f %%.", d.Cut, 100-d.Cut)
	for _, part := range []int{125, 250, 375, 500, 625, 750, 875} {
		d.Choices = append(d.Choices, splitChoice{fmt.Sprintf("%.1f %%", float64(part)/10),
			link(changePage, d.Stream, "do", "split", "shard", id.String(), "key", keyAt(sh.HashKeyRange, float64(part)/1000).String())})
	}
	return nil
}

func openShard(s *weir.Stream, id weir.ShardID) (weir.Shard, error) {
	for _, sh := range s.Shards() {
		if sh.ID == id && sh.IsOpen() {
			return sh, nil
		}
	}
	return weir.Shard{}, fmt.Errorf("%s is not open", id)
}

func (d *changeData) readMerge(r *http.Request) error {
	lower, err := shardOf(r, "lower")
	if err != nil {
		return err
	}
	upper, err := shardOf(r, "upper")
	if err != nil {
		return err
	}
	d.Action = Merge{lower, upper}
	d.PlanText = "Both are closed, and one shard takes their hash keys. What is in them stays readable until retention has passed."
	return nil
}

func (d *changeData) readResize(r *http.Request) error {
	target, err := numberOf(r, "target", 100_000)
	if err != nil {
		return err
	}
	d.Action = Resize{target}
	plan, err := d.Stream.Engine.PlanResize(target)
	if err != nil {
		return err
	}
	splits := 0
	for _, step := range plan {
		if step.IsSplit() {
			splits++
		}
	}
	d.PlanText = fmt.Sprintf("%d splits and %d merges lead from %d open shards to %d.", splits, len(plan)-splits, d.Stream.Engine.Capacity().OpenShards, target)
	d.Plan = plan[:min(len(plan), planShown)]
	return nil
}

const planShown = 200

func (d *changeData) readMode(r *http.Request) error {
	var m weir.Mode
	if err := m.UnmarshalText([]byte(r.FormValue("mode"))); err != nil {
		return err
	}
	d.Action = SetMode{m}
	d.Warning = "The mode can be switched twice in 24 hours."
	return nil
}

func (d *changeData) readConsumer(r *http.Request, do string) error {
	name := strings.TrimSpace(r.FormValue("consumer"))
	if name == "" || len(name) > 128 {
		return fmt.Errorf("consumer %.40q: a name has 1 to 128 characters", name)
	}
	if do == "register" {
		d.Action = Register{name}
		return nil
	}
	d.Action, d.Warning = Deregister{name}, "Its subscriptions end at once."
	return nil
}

// resetData is the page that says what resetting a group would do.
type resetData struct {
	frame
	Group   string
	To      string
	Shards  []string
	Workers []string
	Command string
	Err     string
}

// resetGroup sets how far a group has processed a stream: to the horizon or to the
// tip. It refuses while workers hold shards, who would go on from where they are.
func (c *Console) resetGroup(r *http.Request) answer {
	f, err := c.streamFrame(r, "readers")
	if err != nil {
		return answer{err: err}
	}
	f.Live = false
	d := resetData{frame: f, Group: r.FormValue("group"), To: r.FormValue("to")}
	at := map[string]string{"horizon": lease.TrimHorizon, "latest": lease.Latest}[d.To]
	if at == "" {
		return answer{err: fmt.Errorf("to %.20q is neither horizon nor latest", d.To)}
	}
	d.Command = fmt.Sprintf("weir group reset %s --to %s --yes", quoted(d.Group), d.To)
	store, list, err := c.leases(r.Context(), d.Group, f.Stream.Name)
	if err != nil {
		return answer{status: http.StatusNotFound, err: err}
	}
	for _, l := range list {
		d.Shards = append(d.Shards, l.Key)
		if l.Owner != "" {
			d.Workers = append(d.Workers, l.Owner)
		}
	}
	if r.Method != http.MethodPost {
		return answer{template: "reset", data: d}
	}
	if len(d.Workers) > 0 {
		d.Err = "Workers hold shards of this group and may be at work. Stop them first."
		return answer{status: http.StatusConflict, template: "reset", data: d}
	}
	for _, l := range list {
		l.Checkpoint, l.State, l.Owner, l.Wanted = lease.Checkpoint{Sequence: at}, nil, "", ""
		if _, err := store.Update(r.Context(), l); err != nil {
			d.Err = fmt.Sprintf("%s: %v", l.Key, err)
			return answer{status: http.StatusConflict, template: "reset", data: d}
		}
	}
	id := c.said.add(note{Text: fmt.Sprintf("Done: group %s begins at the %s", d.Group, d.To), Command: d.Command})
	return answer{location: link("readers", f.Stream, "said", id)}
}

// leases returns those of a group in a stream.
func (c *Console) leases(ctx context.Context, group, stream string) (lease.Store, []lease.Lease, error) {
	if c.config.Groups == nil {
		return nil, nil, errors.New("the console knows no groups")
	}
	groups, err := c.config.Groups(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range groups {
		if g.Name != group {
			continue
		}
		all, err := g.Store.List(ctx)
		var list []lease.Lease
		for _, l := range all {
			if l.Stream == stream || l.Stream == "" {
				list = append(list, l)
			}
		}
		return g.Store, list, err
	}
	return nil, nil, fmt.Errorf("there is no group %.80q", group)
}
