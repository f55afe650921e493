// Records as JSON files: enough for one process, and easy to look into. A real app has a database here.

import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { dataFolder } from "@/lib/settings";

export class Records<T extends { id: string; createdAt: string }> {
  private readonly folder: string;

  constructor(name: string) {
    this.folder = path.join(dataFolder, name);
  }

  async save(record: T): Promise<T> {
    await mkdir(this.folder, { recursive: true });
    // Written aside and renamed, so that nobody ever reads half a record.
    const draft = path.join(this.folder, `${record.id}.${randomUUID()}.draft`);
    await writeFile(draft, JSON.stringify(record, null, 2));
    await rename(draft, this.file(record.id));
    return record;
  }

  async find(id: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(this.file(id), "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** All records, newest first. */
  async list(): Promise<T[]> {
    await mkdir(this.folder, { recursive: true });
    const names = (await readdir(this.folder)).filter((name) => name.endsWith(".json"));
    const records = await Promise.all(names.map((name) => this.find(path.parse(name).name)));
    return records
      .filter((record) => record !== undefined)
      .sort((one, other) => other.createdAt.localeCompare(one.createdAt));
  }

  private file(id: string): string {
    return path.join(this.folder, `${path.basename(id)}.json`);
  }
}
