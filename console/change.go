package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// changePage is the page of a change: a GET shows what would be done, a POST does
// it.
const changePage = "change"

// changeData is the page that says what a change would do.
type changeData struct {
	frame
	Do       string
	Button   string
	Back     string // the page to go back to
	Action   Action
	Words    string
	Command  string
	Plan     []weir.Reshard // its first steps
	PlanLeft int
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

// A change is something that can be done. Either Source.Do carries out what read
// reads, or serve does all of it.
type change struct {
	read func(d *changeData, r *http.Request) error
	// fields are those of the form beside the stream's, in the order in which they
	// are sent on.
	fields []string
	button string // says what it does
	create bool   // the stream is not there yet, or need not be active
	then   string // the page that shows what was done; empty is the list
	serve  func(c *Console, r *http.Request) answer
}

// changes are all that can be done, by the field do of a form: there is nothing
// else, and each is refused to whom it is not for before it is looked at.
var changes map[string]change

func init() {
	changes = map[string]change{
		"put":        {read: (*changeData).readPut, button: "Put", then: "records"},
		"split":      {read: (*changeData).readSplit, fields: []string{"shard"}, button: "Split the shard", then: "shards"},
		"merge":      {read: (*changeData).readMerge, fields: []string{"lower", "upper"}, button: "Merge the shards", then: "shards"},
		"resize":     {read: (*changeData).readResize, fields: []string{"target"}, button: "Resize the stream", then: "shards"},
		"retention":  {read: (*changeData).readRetention, fields: []string{"hours"}, button: "Change retention", then: "settings"},
		"mode":       {read: (*changeData).readMode, fields: []string{"mode"}, button: "Switch the mode", then: "settings"},
		"register":   {read: (*changeData).readRegister, fields: []string{"consumer"}, button: "Register the consumer", then: "readers"},
		"deregister": {read: (*changeData).readDeregister, fields: []string{"consumer"}, button: "Deregister the consumer", then: "readers"},
		"create":     {read: (*changeData).readCreate, fields: []string{"mode", "shards"}, button: "Create the stream", create: true, then: "stream"},
		"delete":     {read: (*changeData).readDelete, button: "Delete the stream", create: true},
		"reset":      {serve: (*Console).resetGroup},
		"restore":    {serve: (*Console).restore},
	}
}

// changePage shows a change, or makes it: the form of a POST was read, and its
// token checked, before.
func (c *Console) changePage(r *http.Request) answer {
	if err := c.mayChange(r); err != nil {
		return answer{status: http.StatusForbidden, err: err}
	}
	what, ok := changes[r.FormValue("do")]
	if !ok {
		return answer{err: fmt.Errorf("do: %.40q is none of %s", r.FormValue("do"), strings.Join(slices.Sorted(maps.Keys(changes)), ", "))}
	}
	if what.serve != nil {
		return what.serve(c, r)
	}
	d, err := c.readChange(r, what)
	if err != nil {
		return answer{err: err, back: d.formPage()}
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
	return c.changed(d, what, said)
}

// formPage returns the page that has the form of the change, if there is one.
func (d changeData) formPage() tab {
	if d.Do == "create" && d.Create {
		return tab{"new", "New stream"}
	}
	for _, t := range d.Tabs() {
		if d.Stream.Name != "" && t.Page == d.Page {
			return tab{d.Link(t.Page), t.Title}
		}
	}
	return tab{}
}

// changed goes to a page that shows what was changed, and says so there.
func (c *Console) changed(d changeData, what change, said string) answer {
	text := fmt.Sprintf("Done: %s %s", d.Words, d.Stream.Name)
	if said != "" {
		text += ", " + said
	}
	more := []string{"said", c.said.add(note{Text: text, Command: d.Command})}
	switch {
	case what.then == "":
		return answer{location: "./?said=" + more[1]}
	case what.then == "records":
		more = append(more, "from", "time", "pos", "1m")
	}
	return answer{location: link(what.then, d.Stream, more...)}
}

// readChange reads what is to be done.
func (c *Console) readChange(r *http.Request, what change) (d changeData, err error) {
	d.Do = r.FormValue("do")
	if d.Do == "create" {
		d.frame = c.frame(r, "New stream", "new")
		d.Stream = Stream{At: r.FormValue("at"), Name: r.FormValue("name")}
	} else if d.frame, err = c.streamFrame(r, cmp.Or(what.then, "settings")); err != nil {
		return d, err
	}
	d.Live, d.Button, d.Back = false, what.button, "./"
	if d.Do != "create" {
		d.Back = d.Link(d.Page)
	}
	if d.Stream.Engine == nil && !what.create {
		return d, errNotYet
	}
	if err := what.read(&d, r); err != nil {
		return d, err
	}
	d.Words = d.Action.words()
	d.Title = d.Words + " " + d.Stream.Name
	d.Command = c.command(r, d.Stream, d.Action.command(d.Stream, arnOf(d.Stream))...)
	for _, name := range append([]string{"do", "name", "at"}, what.fields...) {
		if v := r.FormValue(name); v != "" {
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

// command returns a command of the AWS CLI, to be carried out where a request was
// sent to if the API is there.
func (c *Console) command(r *http.Request, s Stream, args ...string) string {
	endpoint := ""
	if c.config.API {
		endpoint = endpointOf(r)
	}
	return commandLine(s, endpoint, args...)
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
	f.Title = "Reset group " + clip(r.FormValue("group"), lease.MaxGroupBytes)
	d := resetData{frame: f, Group: r.FormValue("group"), To: r.FormValue("to")}
	at := map[string]string{"horizon": lease.TrimHorizon, "latest": lease.Latest}[d.To]
	if at == "" {
		return answer{err: fmt.Errorf("to: %.40q is neither horizon nor latest", d.To)}
	}
	g, list, err := c.leases(r.Context(), d.Group, f.Stream.Name)
	if err != nil {
		return answer{status: http.StatusNotFound, err: err}
	}
	if g.ReadOnly {
		return answer{status: http.StatusForbidden, err: fmt.Errorf("group: the console only shows %.80q", g.Name)}
	}
	d.Command = fmt.Sprintf("weir group reset %s --to %s --yes", quoted(strings.TrimSuffix(g.Name, " in "+g.Kept)), d.To)
	if g.Kept != "" {
		d.Command += " --store " + quoted(g.Kept)
	}
	for _, l := range list {
		d.Shards = append(d.Shards, l.Key)
		if l.Owner != "" && !slices.Contains(d.Workers, l.Owner) {
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
		if _, err := g.Store.Update(r.Context(), l); err != nil {
			d.Err = fmt.Sprintf("%s: %v", l.Key, err)
			return answer{status: http.StatusConflict, template: "reset", data: d}
		}
	}
	id := c.said.add(note{Text: fmt.Sprintf("Done: group %s begins at the %s", d.Group, d.To), Command: d.Command})
	return answer{location: link("readers", f.Stream, "said", id)}
}

// leases returns those of a group in a stream.
func (c *Console) leases(ctx context.Context, group, stream string) (Group, []lease.Lease, error) {
	if c.config.Groups == nil {
		return Group{}, nil, errors.New("the console knows no groups")
	}
	groups, err := c.config.Groups(ctx)
	for _, g := range groups {
		if g.Name != group {
			continue
		}
		all, err := g.Store.List(ctx)
		var list []lease.Lease
		for _, l := range all {
			if isOf(l, stream) {
				list = append(list, l)
			}
		}
		return g, list, err
	}
	if err != nil {
		return Group{}, nil, err
	}
	return Group{}, nil, fmt.Errorf("group: there is none %.80q", group)
}
