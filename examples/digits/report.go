package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"gonum.org/v1/gonum/stat"
)

// report writes what an experiment has found. It is the same for the same plan.
func (e experiment) report(w io.Writer, d data[float32]) error {
	p := e.plan
	var s strings.Builder
	fmt.Fprintf(&s, "%d training images a network, %d steps of %d images, head %v, seed %d\n",
		p.samples, p.epochs*((p.samples+p.batch-1)/p.batch), p.batch, p.head, p.seed)
	first, last, err := e.correlations(d.test)
	if err != nil {
		return err
	}
	fmt.Fprintf(&s, "Neighbouring elements of feature maps have the correlation %.2f after the first convolution,\n%.2f after the second, in the first network without dropout.\n\n", first, last)

	fmt.Fprintf(&s, "Places and rates on %d validation images, mean cross-entropy and error of %d networks; * is chosen:\n", d.validation.len(), p.pilots)
	s.WriteString(e.rateTable() + "\n\n")
	fmt.Fprintf(&s, "%d test images, %d networks of each kind, mean ± standard deviation:\n", d.test.len(), p.seeds)
	s.WriteString(e.armTable() + "\n\n")
	fmt.Fprintf(&s, "Differences on the test images, paired by training set, with %.0f %% confidence intervals:\n", 100*confidence)
	s.WriteString(e.differenceTable() + "\n")
	_, err = io.WriteString(w, s.String())
	return err
}

// correlations returns how similar neighbours are in the maps of either convolution, in the first
// network without dropout.
func (e experiment) correlations(images samples[float32]) (first, last float64, err error) {
	net := e.arms[none].outcomes[0].net
	maps, err := net.maps(net.convolution[0], images)
	if err != nil {
		return 0, 0, err
	}
	first = neighbours(maps, net.convolution[0].out)
	maps, err = net.maps(net.convolution[1], images)
	return first, neighbours(maps, net.convolution[1].out), err
}

func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	return t
}

// rateTable returns the table of what was tried. An asterisk marks what was chosen.
func (e experiment) rateTable() string {
	t := newTable()
	header := table.Row{"", "place"}
	for _, rate := range e.plan.rates {
		header = append(header, fmt.Sprintf("rate %v", rate))
	}
	t.AppendHeader(header)
	for _, a := range e.arms[1:] {
		for _, at := range places {
			row := table.Row{a.kind, at}
			for _, p := range e.pilots {
				if p.kind != a.kind || p.place != at {
					continue
				}
				mark := "  "
				if p.setting == a.setting {
					mark = " *"
				}
				row = append(row, fmt.Sprintf("%.3f, %.1f %%%s", p.validation.loss, 100*p.validation.error, mark))
			}
			t.AppendRow(row)
		}
	}
	return t.Render()
}

// armTable returns the table of the kinds of dropout.
func (e experiment) armTable() string {
	t := newTable()
	t.AppendHeader(table.Row{"", "test error", "test cross-entropy", "training cross-entropy"})
	for _, a := range e.arms {
		errors, errorDeviation := stat.MeanStdDev(a.values(testError), nil)
		loss, lossDeviation := stat.MeanStdDev(a.values(testLoss), nil)
		training, trainingDeviation := stat.MeanStdDev(a.values(func(o outcome) float64 { return o.last().training.loss }), nil)
		t.AppendRow(table.Row{a.setting,
			fmt.Sprintf("%.2f ± %.2f %%", 100*errors, 100*errorDeviation),
			fmt.Sprintf("%.3f ± %.3f", loss, lossDeviation),
			fmt.Sprintf("%.4f ± %.4f", training, trainingDeviation)})
	}
	return t.Render()
}

// differenceTable returns the table of the kinds of dropout, compared by pairs.
func (e experiment) differenceTable() string {
	t := newTable()
	t.AppendHeader(table.Row{"", "error, points", "less in", "cross-entropy", "less in"})
	for _, pair := range [][2]kind{{element, none}, {spatial, none}, {spatial, element}} {
		x, y := e.arms[pair[0]], e.arms[pair[1]]
		errors := compare(x.values(testError), y.values(testError))
		loss := compare(x.values(testLoss), y.values(testLoss))
		t.AppendRow(table.Row{fmt.Sprintf("%v − %v", x.kind, y.kind),
			fmt.Sprintf("%+.2f (%+.2f to %+.2f)", 100*errors.mean, 100*errors.low, 100*errors.high),
			fmt.Sprintf("%d of %d", errors.less, len(x.outcomes)),
			fmt.Sprintf("%+.3f (%+.3f to %+.3f)", loss.mean, loss.low, loss.high),
			fmt.Sprintf("%d of %d", loss.less, len(x.outcomes))})
	}
	return t.Render()
}

func testError(o outcome) float64 { return o.test.error }
func testLoss(o outcome) float64  { return o.test.loss }

// values returns a number of each outcome.
func (a arm) values(of func(outcome) float64) []float64 {
	var all []float64
	for _, o := range a.outcomes {
		all = append(all, of(o))
	}
	return all
}
