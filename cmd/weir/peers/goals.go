package main

// A goal is a ratio that weir is to reach.
type goal struct {
	Number   string  `json:"goal"`
	Text     string  `json:"text"`
	Must     float64 `json:"must"`
	Moonshot float64 `json:"moonshot"`
	Ratio    float64 `json:"ratio"`
	Met      bool    `json:"met"`
	Beyond   bool    `json:"moonshot_met"`

	peer    string // "" is the best of all
	measure measure
}

// allGoals are those of the project's list that need peers. They are about records
// of 100 bytes.
var allGoals = []goal{
	{Number: "5", Text: "JetStream, fastest way to put many ÷ PutRecords of 500", Must: 25, Moonshot: 75, peer: nameJetStream, measure: batchNs},
	{Number: "6", Text: "JetStream, acknowledged publish ÷ PutRecord", Must: 50, Moonshot: 100, peer: nameJetStream, measure: putNs},
	{Number: "7", Text: "pebble, batches ÷ PutRecords of 500", Must: 1.5, Moonshot: 3, peer: namePebble, measure: batchNs},
	{Number: "10", Text: "kfake, read ÷ GetRecords", Must: 10, Moonshot: 50, peer: nameKfake, measure: readNs},
	{Number: "10", Text: "JetStream, read ÷ GetRecords", Must: 100, Moonshot: 600, peer: nameJetStream, measure: readNs},
	{Number: "G4", Text: "kfake, processed by a group of franz-go ÷ by a Group", Must: 10, Moonshot: 30, peer: nameKfake, measure: processedNs},
	{Number: "G4", Text: "JetStream, processed with acknowledgements ÷ by a Group", Must: 10, Moonshot: 30, peer: nameJetStream, measure: processedNs},
	{Number: "W2", Text: "watermill's gochannel, counted by key in a loop written by hand ÷ by package window", Must: 5, Moonshot: 20, peer: nameGochan, measure: countedNs},
	{Number: "D5", Text: "best on disk, 64 producers ÷ PutRecord, synced", Must: 1, Moonshot: 1.5, measure: durableNs},
	{Number: "Q1", Text: "JetStream, work queue pulled by 10 and acknowledged ÷ a Queue", Must: 20, Moonshot: 60, peer: nameJetStream, measure: queuedNs},
}

// goals returns which goals a report meets. Those whose peer was not measured are
// left out.
func goals(r *report) []goal {
	if r.Size != defaultSize {
		return nil
	}
	var found []goal
	for _, g := range allGoals {
		p := r.find(g.peer)
		if g.peer == "" {
			p = r.best(g.measure)
		}
		if p == nil || p.Ratios[g.measure].Median == 0 {
			continue
		}
		if g.peer == "" {
			g.Text = p.Name + ", " + g.Text
		}
		g.Ratio = p.Ratios[g.measure].Median
		g.Met, g.Beyond = g.Ratio >= g.Must, g.Ratio >= g.Moonshot
		found = append(found, g)
	}
	return found
}
