package main

import (
	"errors"
	"fmt"
	"slices"
)

// errNotOffered says that a contender has no function for a job.
var errNotOffered = errors.New("no function for it")

// contender is somebody who can do jobs.
type contender struct {
	name    string
	module  string // whose version is reported, "" for the Go distribution
	policy  policies
	missing string // why this machine cannot run it, "" if it can
	signed  bool   // whether a dropped element may be -0 in a backward pass with scales
	// The functions that prepare jobs, one for each family. Those that are not offered are nil.
	prepare, fused, compact func(j job) (func(), error)
}

// of returns the function that prepares jobs of a family, nil without one.
func (c *contender) of(f family) func(j job) (func(), error) {
	return map[family]func(j job) (func(), error){core: c.prepare, fused: c.fused, compact: c.compact}[f]
}

// families returns the families that a contender is in.
func (c *contender) families() []family {
	return slices.DeleteFunc([]family{core, fused, compact}, func(f family) bool { return c.of(f) == nil })
}

// policies say for each order what becomes of dropped elements: "select" makes them +0, and
// "multiply" their product with 0. "" is a bound, which drops nothing.
type policies [2]string

var (
	alwaysSelect   = policies{"select", "select"}
	alwaysMultiply = policies{"multiply", "multiply"}
	// byOrder is what a user of a library of vector functions writes: planes are scaled or
	// cleared one by one, and rows are multiplied.
	byOrder = policies{"select", "multiply"}
	isBound = policies{}
)

// contenders are all of this build, by name.
var contenders = map[string]contender{}

func register(c contender) {
	if _, ok := contenders[c.name]; ok {
		panic("two contenders named " + c.name)
	}
	contenders[c.name] = c
}

// names returns the names of all contenders, sorted.
func names() []string {
	var all []string
	for name := range contenders {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// prepare returns a function that does the job once.
func prepare(name string, j job) (do func(), err error) {
	c, ok := contenders[name]
	if !ok {
		return nil, fmt.Errorf("no contender %q", name)
	}
	if err := j.check(); err != nil {
		return nil, err
	}
	if c.missing != "" {
		return nil, fmt.Errorf("%w: %s", errNotOffered, c.missing)
	}
	defer func() {
		if r := recover(); r != nil {
			do, err = nil, fmt.Errorf("%s panics: %v", name, r)
		}
	}()
	way := c.of(j.work.family())
	if way == nil {
		return nil, errNotOffered
	}
	do, err = way(j)
	if err != nil {
		return nil, err
	}
	do() // a panic is an error here, and not in the middle of a measurement
	return do, nil
}
