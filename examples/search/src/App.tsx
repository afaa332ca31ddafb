import { useMutation, useQuery } from "convex/react";
import { useEffect, useState } from "react";
import { api } from "../convex/_generated/api";
import { CATEGORIES, type Category } from "./categories";
import { MeaningResults } from "./MeaningResults";
import { NewNote } from "./NewNote";
import { WordResults } from "./WordResults";

type By = "words" | "meaning";

export function App() {
  const [text, setText] = useState("");
  const [category, setCategory] = useState<Category>();
  const [by, setBy] = useState<By>("words");
  const [adding, setAdding] = useState(false);
  useSamples();

  return (
    <main>
      <header>
        <h1>
          <img src="/icon.svg" alt="" width="28" height="28" />
          Field notes
        </h1>
        <button type="button" aria-expanded={adding} onClick={() => setAdding(!adding)}>
          New note
        </button>
      </header>
      {adding && <NewNote onDone={() => setAdding(false)} />}
      <search>
        <input
          type="search"
          aria-label="Search the notes"
          placeholder={by === "words" ? "Search as you type" : "Describe what you are looking for"}
          value={text}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
        <div className="choices">
          <Choices label="Search by" options={["words", "meaning"]} chosen={by} onChoose={setBy} />
          <Choices
            label="Category"
            options={["all", ...CATEGORIES]}
            chosen={category ?? "all"}
            onChoose={(chosen) => setCategory(chosen === "all" ? undefined : chosen)}
          />
        </div>
      </search>
      {by === "meaning" && text.trim() !== "" ? (
        <MeaningResults text={text} category={category} />
      ) : (
        <WordResults text={text} category={category} />
      )}
    </main>
  );
}

type ChoicesProps<T extends string> = { label: string; options: T[]; chosen: T; onChoose: (option: T) => void };

function Choices<T extends string>({ label, options, chosen, onChoose }: ChoicesProps<T>) {
  return (
    <div className="choice" role="radiogroup" aria-label={label}>
      {options.map((option) => (
        <button key={option} type="button" role="radio" aria-checked={option === chosen} onClick={() => onChoose(option)}>
          {option}
        </button>
      ))}
    </div>
  );
}

/** Fills a deployment that has no notes. */
function useSamples() {
  const isEmpty = useQuery(api.notes.search, { text: "" })?.length === 0;
  const addSamples = useMutation(api.notes.addSamples);
  useEffect(() => {
    if (isEmpty) void addSamples();
  }, [isEmpty, addSamples]);
}
