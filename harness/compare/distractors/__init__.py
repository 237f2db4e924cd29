"""What a distractor costs a system and what each cure gets back of it, from the results of the suite `distractor`."""
