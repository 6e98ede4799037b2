package main

import (
	"fmt"
	"sync"
)

// plan is what an experiment does.
type plan struct {
	budget
	head    head
	rates   []float64 // the rate of each kind of dropout is one of these
	pilots  int       // replicates on which rates are chosen
	seeds   int       // replicates on which the kinds are compared
	seed    uint64
	workers int
}

// pilot is a rate that was tried.
type pilot struct {
	kind       kind
	rate       float64
	validation result // mean over the pilots' replicates
}

// arm is one kind of dropout with its rate, and what became of all replicates.
type arm struct {
	kind     kind
	rate     float64
	outcomes []outcome
}

// experiment is what a plan has found.
type experiment struct {
	plan   plan
	pilots []pilot
	arms   [len(kinds)]arm
}

// trials returns how many networks a plan trains.
func (p plan) trials() int {
	return (len(kinds)-1)*len(p.rates)*p.pilots + len(kinds)*p.seeds
}

// run chooses the rates on the validation set, with replicates that nothing else uses, and
// trains the networks to compare. It calls done after each network.
func (p plan) run(d data[float32], done func()) (experiment, error) {
	e := experiment{plan: p}
	var trials []trial
	for _, k := range kinds[1:] {
		for _, rate := range p.rates {
			e.pilots = append(e.pilots, pilot{kind: k, rate: rate})
			for r := range p.pilots {
				trials = append(trials, trial{kind: k, rate: rate, replicate: p.seeds + r})
			}
		}
	}
	outcomes, err := p.train(trials, d, validating, done)
	if err != nil {
		return e, err
	}
	for i := range e.pilots {
		e.pilots[i].validation = meanOf(outcomes[i*p.pilots:(i+1)*p.pilots], func(o outcome) result { return o.last().validation })
	}

	trials = nil
	for i, k := range kinds {
		e.arms[i] = arm{kind: k, rate: best(e.pilots, k)}
		for r := range p.seeds {
			trials = append(trials, trial{kind: k, rate: e.arms[i].rate, replicate: r})
		}
	}
	if outcomes, err = p.train(trials, d, comparing, done); err != nil {
		return e, err
	}
	for i := range e.arms {
		e.arms[i].outcomes = outcomes[i*p.seeds : (i+1)*p.seeds]
	}
	return e, nil
}

// best returns the rate of a kind with the least error on the validation set, and among equals
// the one with the least loss.
func best(pilots []pilot, k kind) float64 {
	var best *pilot
	for i := range pilots {
		p := &pilots[i]
		if p.kind == k && (best == nil || p.validation.error < best.validation.error ||
			p.validation.error == best.validation.error && p.validation.loss < best.validation.loss) {
			best = p
		}
	}
	if best == nil {
		return 0
	}
	return best.rate
}

// meanOf returns the mean of a result over outcomes.
func meanOf(outcomes []outcome, of func(outcome) result) result {
	var m result
	for _, o := range outcomes {
		r := of(o)
		m.loss += r.loss / float64(len(outcomes))
		m.error += r.error / float64(len(outcomes))
	}
	return m
}

// train trains networks side by side. No outcome depends on how many at a time.
func (p plan) train(trials []trial, d data[float32], s stage, done func()) ([]outcome, error) {
	outcomes, errs := make([]outcome, len(trials)), make([]error, len(trials))
	next := make(chan int)
	var workers sync.WaitGroup
	for range p.workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := range next {
				outcomes[i], errs[i] = train(trials[i], p, d, s)
				done()
			}
		}()
	}
	for i := range trials {
		next <- i
	}
	close(next)
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("training with %v at rate %v, replicate %d: %w", trials[i].kind, trials[i].rate, trials[i].replicate, err)
		}
	}
	return outcomes, nil
}
